import type { Profiler } from 'node:inspector';
import { gzipSync } from 'node:zlib';
import * as pprof from 'pprof-format';

/** Strings by index, as pprof's profile.proto refers to them. */
type Intern = (text: string) => number;

/**
 * Converts a CPU profile of V8 to pprof's format, a gzip file; profile.proto of google/pprof. Each node of V8's call tree is
 * one location.
 */
export function toPprof(profile: Profiler.Profile): Buffer {
  const stringTable = new pprof.StringTable();
  const intern: Intern = (text) => stringTable.dedup(text);
  const valueType = (type: string, unit: string) => ({ type: intern(type), unit: intern(unit) });
  const duration = (profile.endTime - profile.startTime) * 1000;
  const encoded = new pprof.Profile({
    sampleType: [valueType('samples', 'count'), valueType('cpu', 'nanoseconds')],
    periodType: valueType('cpu', 'nanoseconds'),
    period: Math.round(duration / Math.max(1, profile.samples?.length ?? 0)),
    durationNanos: duration,
    function: profile.nodes.map((node) => functionOf(node, intern)),
    location: profile.nodes.map(({ id, callFrame }) => ({
      id,
      line: [{ functionId: id, line: callFrame.lineNumber + 1 }],
    })),
    sample: samplesOf(profile),
    stringTable,
  }).encode();
  return gzipSync(encoded);
}

function functionOf({ id, callFrame }: Profiler.ProfileNode, intern: Intern): pprof.FunctionInput {
  const name = intern(callFrame.functionName || '(anonymous)');
  return { id, name, systemName: name, filename: intern(callFrame.url), startLine: callFrame.lineNumber + 1 };
}

/** Sums the samples of each node. A stack begins with its innermost function. */
function samplesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): pprof.SampleInput[] {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const totals = new Map<number, { count: number; microseconds: number }>();
  samples.forEach((id, index) => {
    const { count, microseconds } = totals.get(id) ?? { count: 0, microseconds: 0 };
    totals.set(id, { count: count + 1, microseconds: microseconds + (timeDeltas[index] ?? 0) });
  });
  return [...totals].map(([id, { count, microseconds }]) => ({
    locationId: [...stackOf(id, parents)],
    value: [count, Math.max(0, microseconds) * 1000],
  }));
}

function* stackOf(leaf: number, parents: ReadonlyMap<number, number>): Generator<number> {
  for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) yield id;
}
