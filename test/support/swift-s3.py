"""OpenStack Swift in one process: account, container, object and proxy, with the S3 layer.

usage: python3 swift-s3.py FOLDER PORT, with Debian's swift packages. Loopback only.
"""
import os
import signal
import sys

import eventlet
import eventlet.wsgi

eventlet.monkey_patch()

folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
settings = os.path.join(folder, "etc")
os.makedirs(settings, exist_ok=True)
os.makedirs(os.path.join(folder, "srv", "disk"), exist_ok=True)


def write(name, text):
    with open(os.path.join(settings, name), "w", encoding="utf-8") as file:
        file.write(text)


write("swift.conf", """[swift-hash]
swift_hash_path_suffix = s
swift_hash_path_prefix = p
[storage-policy:0]
name = gold
default = yes
[swift-constraints]
max_header_size = 16384
""")

# Before anything that hashes a path.
from swift.common import utils  # noqa: E402

utils.set_swift_dir(settings)

from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

COMMON = "log_level = WARNING\nlog_address = /nonexistent\n"
servers = {}
for kind in ("account", "container", "object"):
    socket = eventlet.listen(("127.0.0.1", 0))
    servers[kind] = socket
    at = socket.getsockname()[1]
    ring = RingBuilder(2, 1, 1)
    ring.add_dev({
        "id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1.0, "meta": "",
        "ip": "127.0.0.1", "port": at, "replication_ip": "127.0.0.1", "replication_port": at,
    })
    ring.rebalance()
    ring.get_ring().save(os.path.join(settings, kind + ".ring.gz"))
    write(kind + ".conf", f"""[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {at}
swift_dir = {settings}
devices = {folder}/srv
mount_check = false
disable_fallocate = true
{COMMON}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
""")

middleware = ("catch_errors cache listing_formats s3api tempauth bulk copy slo dlo "
              "versioned_writes symlink").split()
options = {
    "cache": "memcache_servers = 127.0.0.1:1\nconnect_timeout = 0.05\n",
    # As S3 itself; Swift's own limit is 1,000 parts.
    "s3api": "s3_acl = false\nlocation = us-east-1\nmax_upload_part_num = 10000\n",
    "slo": "max_manifest_segments = 10000\n",
    "tempauth": "user_test_tester = testing .admin\n",
    "versioned_writes": "allow_versioned_writes = true\nallow_object_versioning = true\n",
}
filters = "".join(
    f"[filter:{name}]\nuse = egg:swift#{'memcache' if name == 'cache' else name}\n"
    + options.get(name, "")
    for name in middleware
)
write("proxy.conf", f"""[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {settings}
{COMMON}
[pipeline:main]
pipeline = {' '.join(middleware)} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
conn_timeout = 20
node_timeout = 60
allow_account_management = true
{filters}""")
servers["proxy"] = eventlet.listen(("127.0.0.1", port), backlog=256)


class Silent:
    def write(self, *_):
        pass

    def flush(self):
        pass


for kind, socket in servers.items():
    app = loadapp(os.path.join(settings, kind + ".conf"), global_conf={"log_name": kind})
    eventlet.spawn(eventlet.wsgi.server, socket, app, log=Silent(), log_output=False,
                   protocol=SwiftHttpProtocol, max_size=1024)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    eventlet.sleep(3600)
