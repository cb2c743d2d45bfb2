import type { RuntimeSpec } from '../../src/spec/types.js';

/** umoci 0.6 or later can be named by $UMOCI; Debian has 0.4. */
export const umoci = process.env.UMOCI ?? 'umoci';

/** True if umoci 0.4 wrote the config.json, which differs in what {@link comparable} leaves out. */
export function isOld(theirs: RuntimeSpec): boolean {
  return theirs.ociVersion === '1.0.0';
}

/** Returns both without the version, which differs on purpose, and without the differences of umoci 0.4. */
export function comparable(ours: RuntimeSpec, theirs: RuntimeSpec): [RuntimeSpec, RuntimeSpec] {
  const old = isOld(theirs);
  const plain = (spec: RuntimeSpec) => ({ ...(old ? asOld(spec) : spec), ociVersion: '' });
  return [plain(ours), plain(theirs)];
}

/** No cgroup namespace, volumes in any order, empty annotations; labels and HOME lost. */
function asOld(spec: RuntimeSpec): RuntimeSpec {
  const annotations = Object.entries(spec.annotations);
  return {
    ...spec,
    process: { ...spec.process, env: spec.process.env.filter((variable) => !variable.startsWith('HOME=')) },
    annotations: Object.fromEntries(
      annotations.filter(([name, value]) => value !== '' && !/\.(os|variant)$/.test(name)),
    ),
    mounts: spec.mounts.toSorted((a, b) =>
      `${a.destination} ${a.type}` < `${b.destination} ${b.type}` ? -1 : 1,
    ),
    linux: { ...spec.linux, namespaces: spec.linux.namespaces.filter(({ type }) => type !== 'cgroup') },
  };
}
