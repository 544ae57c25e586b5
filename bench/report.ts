import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { runCommand } from '../test/support/command.ts'
import { judge } from './aims.ts'
import type { BenchOptions } from './options.ts'
import { type Result, summarize } from './result.ts'
import type { Subject } from './row.ts'

/** On what it was measured, and when. */
export interface Machine {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  readonly entrepot: string
  readonly dockerRegistry: string
  /** Null: not installed, a client in Node asks instead. */
  readonly wrk: string | null
}

export async function describeMachine(): Promise<Machine> {
  const cpus = os.cpus()
  return {
    date: new Date().toISOString(),
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    entrepot: ownVersion(),
    dockerRegistry: (await firstLine('docker-registry', ['--version'])) ?? 'unknown',
    wrk: await firstLine('wrk', ['--version']),
  }
}

function ownVersion(): string {
  const file = path.join(import.meta.dirname, '../package.json')
  const { version }: { version?: unknown } = JSON.parse(readFileSync(file, 'utf8'))
  return String(version)
}

async function firstLine(program: string, args: readonly string[]): Promise<string | null> {
  try {
    return (await runCommand(program, args)).output.split('\n')[0] ?? null
  } catch {
    return null
  }
}

/** One line above the table. */
export function formatMachine(machine: Machine, { rounds, seconds, scale }: BenchOptions): string {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`
  return `${[
    machine.date.slice(0, 10),
    `${machine.cpu} x ${machine.cores}`,
    memory,
    machine.kernel,
    `Node ${machine.node.slice(1)}`,
    `Entrepot ${machine.entrepot}`,
    machine.dockerRegistry,
    `medians of ${rounds} rounds (least–most)`,
    `${seconds} s a count`,
    `scale ${scale}`,
  ].join(', ')}.\n`
}

/** Everything that was measured, for machines. */
export function formatJson(
  results: readonly Result[],
  about: { machine: Machine; options: BenchOptions; failures: readonly string[] },
): string {
  const { machine, options, failures } = about
  const { rounds, seconds, scale } = options
  const rows = results.map((result) => ({ ...result, aims: judge(result), summary: sum(result) }))
  const report = { machine, options: { rounds, seconds, scale }, failures, rows }
  return `${JSON.stringify(report, null, 2)}\n`
}

function sum({ samples }: Result) {
  const entries = Object.entries(samples) as [Subject, (typeof samples)[Subject]][]
  return Object.fromEntries(entries.map(([subject, list]) => [subject, summarize(list)]))
}
