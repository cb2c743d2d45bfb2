import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import {
  CallMetrics,
  checkHealth,
  connectSnapshotter,
  serveMetrics,
  serveSnapshotter,
} from '../../src/snapshotter/index.js';
import { layerhook } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';

test('metrics count calls by method and status, and say what the store takes; health says whether it can be read', async (t) => {
  const dir = tmpdir(t);
  const [address, socketPath] = [join(dir, 'socket'), join(dir, 'metrics')] as [string, string];
  const metrics = new CallMetrics();
  const service = await serveSnapshotter({
    root: join(dir, 'store'),
    address,
    answered: (call) => metrics.record(call),
  });
  const stop = await serveMetrics(socketPath, metrics, service);
  const client = connectSnapshotter(address);
  await client.prepare('key', '');
  await client.commit('name', 'key');
  await client.stat('name');
  await t.throwsAsync(client.stat('none'));
  for await (const _ of client.walk()) t.pass();
  const { status, body } = await get(socketPath, '/metrics');
  t.is(status, 200);
  const series = new Map(body.split('\n').map((line) => line.split(/ (?=[^ ]*$)/) as [string, string]));
  const calls = (labels: string) => series.get(`layerhook_snapshotter_calls_total{${labels}}`);
  t.is(calls('method="Prepare",code="OK"'), '1');
  t.is(calls('method="Stat",code="OK"'), '1');
  t.is(calls('method="Stat",code="NOT_FOUND"'), '1');
  t.is(calls('method="List",code="OK"'), '1');
  t.is(series.get('layerhook_snapshotter_call_seconds_count{method="Stat"}'), '2');
  t.is(series.get('layerhook_store_contents'), '1');
  t.is(series.get('layerhook_store_broken'), '0');
  t.true(Number(series.get('layerhook_store_free_bytes')) > 0);
  t.deepEqual(await get(socketPath, '/healthz'), { status: 200, body: 'ok\n' });
  t.is((await get(socketPath, '/other')).status, 404);
  t.is((await get(socketPath, '/metrics', 'POST')).status, 405);
  t.is(lstatSync(socketPath).mode & 0o777, 0o600);
  const health = (...args: string[]) =>
    layerhook(['snapshotter', 'health', '--metrics', socketPath, ...args]);
  t.like(await health(), { status: 0, stdout: 'ok\n' });
  await client.close();
  await service.close();
  t.is((await get(socketPath, '/healthz')).status, 500, 'the store is closed');
  const closed = await health();
  t.is(closed.status, 1);
  t.regex(closed.stderr, /the snapshotter is unhealthy, according to .*metrics: /);
  await stop();
  t.regex((await health()).stderr, /ENOENT/);
  t.regex((await health('--timeout', 'soon')).stderr, /invalid --timeout soon: expected a number of seconds/);
  await t.throwsAsync(get(socketPath, '/healthz'));
});

function get(socketPath: string, path: string, method = 'GET'): Promise<{ status?: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, method }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode!, body }), reject);
    })
      .on('error', reject)
      .end();
  });
}

test('a daemon that takes the call and does not answer is not healthy', async (t) => {
  const socketPath = join(tmpdir(t), 'metrics');
  const silent = createServer().listen(socketPath);
  await once(silent, 'listening');
  await t.throwsAsync(checkHealth(socketPath, 100), {
    code: 'UNHEALTHY',
    message: /no answer within 0.1 s/,
  });
  silent.close();
});
