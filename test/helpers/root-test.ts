import test, { type ExecutionContext } from 'ava';
import { requires } from './requires.js';

type Body = (t: ExecutionContext<unknown>) => unknown;

/** An ava test that needs root, and nothing else that a machine may lack; {@link requires} tells how it is skipped. */
export function rootTest(title: string, body: Body): void {
  test(title, asRoot(body));
}

/** Like `test.serial`, for root. */
rootTest.serial = (title: string, body: Body): void => test.serial(title, asRoot(body));

function asRoot(body: Body): (t: ExecutionContext<unknown>) => Promise<void> {
  return async (t) => {
    if (requires(t, 'root')) await body(t);
  };
}
