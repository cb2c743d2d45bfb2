import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';

/** Fields of a protobuf message by number: texts, whole numbers, messages. */
type Fields = { [field: number]: string | number | Buffer };

/** A protobuf message; https://protobuf.dev/programming-guides/encoding */
export function message(fields: Fields): Buffer {
  const parts = Object.entries(fields).map(([field, value]) => {
    const number = Number(field);
    if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
    const bytes = Buffer.from(value as string);
    return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
  });
  return Buffer.concat(parts);
}

/** The first text field of an answer: an id, wherever CRI answers with one. */
export function firstText(answer: Buffer): string {
  return answer.toString('utf8', 2, 2 + answer[1]!);
}

/**
 * Calls the container runtime interface of a containerd, as kubelet does; k8s.io/cri-api's runtime/v1/api.proto.
 *
 * @returns the answer's message
 * @throws what gRPC says
 */
export async function callCri(socket: string, method: string, request: Buffer): Promise<Buffer> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.RuntimeService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([frame, request]));
    const status: Record<string, unknown> = {};
    stream.on('response', (headers) => Object.assign(status, headers));
    stream.on('trailers', (headers) => Object.assign(status, headers));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    if (status['grpc-status'] !== '0') throw new Error(`${method}: ${String(status['grpc-message'])}`);
    return Buffer.concat(chunks).subarray(5);
  } finally {
    session.close();
  }
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
