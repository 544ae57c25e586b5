/** The style of the API's reference page; a policy names it by its hash. */
export const referenceStyle = `
:root{--text:#1c2128;--dim:#57606a;--line:#d0d7de;--back:#fff;--code:#f3f4f6;--link:#0a58ca}
@media (prefers-color-scheme:dark){:root{--text:#e6e9ed;--dim:#9aa4af;--line:#3a414a;--back:#16191d;--code:#22272e;--link:#7ab3ff}}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem;max-width:76rem;margin-inline:auto;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
a{color:var(--link)}
a:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem;background:var(--back);padding:.5rem}
nav{columns:18rem;border-block:1px solid var(--line);padding-block:1rem;margin-block:1.5rem}
nav h2{font-size:1rem;margin:.5rem 0 0;break-after:avoid}
nav ul{margin:.2rem 0 .6rem;padding-left:1.1rem}
h2{margin-top:2.5rem}
article{border-top:1px solid var(--line);padding-block:.5rem 1.2rem}
h3{margin:.8rem 0 .2rem}
.address{margin:.2rem 0;overflow-wrap:anywhere}
.also,.optional{color:var(--dim);font-size:.85rem}
code{background:var(--code);border-radius:4px;padding:.1em .3em;font-size:.9em}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin-top:.6rem}
caption{text-align:left;font-weight:600;padding-block:.3rem}
th,td{text-align:left;vertical-align:top;border-top:1px solid var(--line);padding:.3rem .8rem .3rem 0}
th{color:var(--dim);font-weight:500}
td:first-child{white-space:nowrap}
`
