import type { ImageStat } from '../../image/stat.js';
import { normalizeTime } from '../../image/time.js';
import type { Descriptor, ExecutionConfig, ImageConfig, Manifest, Platform } from '../../image/types.js';
import { hexDump } from '../output/hex-dump.js';
import { alignColumns, humanSize, quote, quoteIfOdd, sortedEntries } from './go-format.js';

/** Returns the output of `umoci stat`, without the last newline; referrers, if any, come after it. */
export function statText(stat: ImageStat): string {
  const { manifest, config, history, referrers } = stat;
  return [
    '== MANIFEST ==',
    ...manifestLines(manifest.content),
    ...descriptorLines(manifest.descriptor),
    ...(config ? ['', '== CONFIG =='] : []),
    ...(config?.content ? configLines(config.content) : []),
    ...(config ? descriptorLines(config.descriptor) : []),
    ...(history ? ['', '== HISTORY ==', ...historyLines(history)] : []),
    ...(referrers.length > 0 ? ['', '== REFERRERS ==', ...referrers.flatMap(descriptorLines)] : []),
  ].join('\n');
}

function manifestLines(manifest: Manifest): string[] {
  return [
    line('Schema Version', String(manifest.schemaVersion)),
    line('Media Type', manifest.mediaType ?? ''),
    ...(manifest.artifactType ? [line('Artifact Type', manifest.artifactType)] : []),
    'Config:',
    ...indent(descriptorLines(manifest.config)),
    ...(manifest.layers.length > 0 ? ['Layers:'] : []),
    ...indent(manifest.layers.flatMap(descriptorLines)),
    ...(manifest.subject ? ['Subject:', ...indent(descriptorLines(manifest.subject))] : []),
    ...mapLines('Annotations', manifest.annotations),
  ];
}

function descriptorLines(descriptor: Descriptor): string[] {
  const { mediaType, artifactType, digest, size, platform, urls, annotations, data } = descriptor;
  return [
    'Descriptor:',
    ...indent([
      line('Media Type', mediaType),
      ...(artifactType ? [line('Artifact Type', artifactType)] : []),
      line('Digest', digest),
      line('Size', humanSize(size)),
      ...(platform && Object.keys(platform).length > 0 ? platformLines(platform) : []),
      ...(urls?.length ? listLines('URLs', urls) : []),
      ...mapLines('Annotations', annotations),
      ...(data ? hexDump('Data', Buffer.from(data, 'base64')) : []),
    ]),
  ];
}

function configLines(config: ImageConfig): string[] {
  return [
    ...(config.created ? [line('Created', normalizeTime(config.created))] : []),
    line('Author', config.author ?? ''),
    ...platformLines(config),
    'Image Config:',
    ...indent(executionLines(config.config ?? {})),
  ];
}

function platformLines(platform: Platform): string[] {
  const variant = platform.variant ? ` (${quoteIfOdd(platform.variant, false)})` : '';
  return [
    'Platform:',
    ...indent([
      line('OS', platform.os ?? ''),
      ...(platform['os.version'] ? [line('OS Version', platform['os.version'])] : []),
      ...(platform['os.features']?.length ? [line('OS Features', ...platform['os.features'])] : []),
      `Architecture: ${quoteIfOdd(platform.architecture ?? '', true)}${variant}`,
    ]),
  ];
}

function executionLines(config: ExecutionConfig): string[] {
  const escaped = config.ArgsEscaped === true ? ' (escaped)' : '';
  return [
    line('User', config.User ?? ''),
    ...(config.Entrypoint?.length ? listLines(`Entrypoint${escaped}`, config.Entrypoint) : []),
    ...listLines(`Command${escaped}`, config.Cmd ?? []),
    ...(config.WorkingDir ? [line('Working Directory', config.WorkingDir)] : []),
    ...(config.Env?.length ? listLines('Environment', config.Env) : []),
    ...(config.StopSignal ? [line('Stop Signal', config.StopSignal)] : []),
    ...setLines('Exposed Ports', config.ExposedPorts),
    ...setLines('Volumes', config.Volumes),
    ...mapLines('Labels', config.Labels),
  ];
}

function historyLines(history: NonNullable<ImageStat['history']>): string[] {
  const rows = history.map(({ layer, history: { created, created_by, comment } }) => [
    layer ? layer.digest : '<none>',
    created ? quoteIfOdd(normalizeTime(created), false) : '<none>',
    quoteIfOdd(created_by ?? '', false),
    layer ? humanSize(layer.size) : '<none>',
    quoteIfOdd(comment ?? '', false),
  ]);
  return alignColumns([['LAYER', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], ...rows]);
}

function line(name: string, ...values: string[]): string {
  const shown = values.map((value) => (value.includes(',') ? quote(value) : quoteIfOdd(value, true)));
  return `${name}: ${shown.join(', ')}`;
}

function listLines(name: string, values: readonly string[]): string[] {
  if (values.length === 0) return [`${name}: (empty)`];
  return [`${name}:`, ...indent(values.map((value) => quoteIfOdd(value, true)))];
}

function mapLines(name: string, map: Readonly<Record<string, string>> | null | undefined): string[] {
  const entries = sortedEntries(map ?? {});
  if (entries.length === 0) return [];
  return [`${name}:`, ...indent(entries.map(([key, value]) => line(quoteIfOdd(key, true), value)))];
}

function setLines(name: string, set: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const keys = sortedEntries(set ?? {}).map(([key]) => key);
  return keys.length === 0 ? [] : [line(name, ...keys)];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((text) => `\t${text}`);
}
