import { type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorCode, isLayerhookError, LayerhookError } from '../errors/index.js';

/** gRPC statuses, which containerd's clients turn into NotFound, AlreadyExists, FailedPrecondition and so on. */
const statuses: Partial<Record<ErrorCode, status>> = {
  SNAPSHOT_NOT_FOUND: status.NOT_FOUND,
  SNAPSHOT_EXISTS: status.ALREADY_EXISTS,
  SNAPSHOT_PRECONDITION: status.FAILED_PRECONDITION,
  SNAPSHOT_BROKEN: status.FAILED_PRECONDITION,
  SNAPSHOT_ARGUMENT: status.INVALID_ARGUMENT,
  NO_SPACE: status.RESOURCE_EXHAUSTED,
  ABORTED: status.CANCELLED,
  HOOK_FAILED: status.UNAVAILABLE,
  HOOK_MISSING: status.UNAVAILABLE,
  HOOK_RESULT: status.UNAVAILABLE,
  HOOK_TIMEOUT: status.UNAVAILABLE,
};

/** Number of characters of a message that a client gets: HTTP/2 limits the headers that carry it, and would end the call. */
const messageLength = 4000;

/** Converts an error to the status that a client gets. */
export function statusOf(error: unknown): Pick<StatusObject, 'code' | 'details'> {
  const code = isLayerhookError(error) ? statuses[error.code as ErrorCode] : undefined;
  return { code: code ?? status.UNKNOWN, details: sendable(messageOf(error)) };
}

/** Shortens a text, and replaces halves of characters, which gRPC's percent-encoding throws at. */
function sendable(text: string): string {
  const short = text.length > messageLength ? `${text.slice(0, messageLength)}…` : text;
  return Buffer.from(short).toString();
}

function messageOf(error: unknown): string {
  // the message may reach a user of Kubernetes through the kubelet, so it includes what to do
  if (isLayerhookError(error, 'SNAPSHOT_BROKEN')) return `${error.message}; ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Converts the error status of a server to the error that a Snapshotter throws.
 *
 * @param name name or key of the snapshot in the request
 */
export function errorOf(error: ServiceError, name: string): LayerhookError {
  const { code, details: reason } = error;
  if (code === status.NOT_FOUND) return new LayerhookError('SNAPSHOT_NOT_FOUND', { name }, error);
  if (code === status.ALREADY_EXISTS) return new LayerhookError('SNAPSHOT_EXISTS', { name }, error);
  if (code === status.FAILED_PRECONDITION)
    return new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason }, error);
  if (code === status.INVALID_ARGUMENT)
    return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `snapshot ${name}`, reason }, error);
  if (code === status.CANCELLED) return new LayerhookError('ABORTED', { what: `snapshot ${name}` }, error);
  const expected = 'see the log of the snapshotter';
  return new LayerhookError('SYSTEM', { what: `requesting snapshot ${name}`, reason, expected }, error);
}
