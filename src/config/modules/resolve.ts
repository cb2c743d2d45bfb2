/** node's resolve hook for modules of the operator; https://nodejs.org/api/module.html#resolvespecifier-context-nextresolve. */

interface Context {
  parentURL?: string | undefined;
}

type Next<R> = (specifier: string, context: Context) => R;

/** The protocol of a package that is looked up from several places: the JSON of its {@link Lookup} follows. */
const lookupProtocol = 'layerhook-lookup:';

/** The name of a package, and the URLs of the places to look it up from, the first first. */
interface Lookup {
  name: string;
  from: string[];
}

export function lookupSpecifier(lookup: Lookup): string {
  return lookupProtocol + encodeURIComponent(JSON.stringify(lookup));
}

/** Returns what to resolve, and from where, until one is found. */
function attempts(specifier: string, { parentURL }: Context, self: string): [string, string | undefined][] {
  if (specifier.startsWith(lookupProtocol)) {
    const { name, from } = JSON.parse(decodeURIComponent(specifier.slice(lookupProtocol.length))) as Lookup;
    return from.map((parent) => [name, parent]);
  }
  const own: [string, string | undefined] = [specifier, parentURL];
  return /^layerhook(\/|$)/.test(specifier) ? [own, [specifier, self]] : [own];
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
}

/** For module.registerHooks. @param self URL of a file in this package: `layerhook` is found from there everywhere */
export function resolveSync<R>(specifier: string, context: Context, next: Next<R>, self: string): R {
  const all = attempts(specifier, context, self);
  for (const [index, [name, parentURL]] of all.entries()) {
    try {
      return next(name, { ...context, parentURL });
    } catch (error) {
      if (!isMissing(error) || index === all.length - 1) throw error;
    }
  }
  throw new TypeError(`nothing to resolve for ${specifier}`);
}

let ownFile = '';

/** For module.register. @param self as for {@link resolveSync} */
export function initialize(self: string): void {
  ownFile = self;
}

/** For module.register: the same as {@link resolveSync}, in the thread of node's loader. */
export async function resolve<R>(specifier: string, context: Context, next: Next<Promise<R>>): Promise<R> {
  const all = attempts(specifier, context, ownFile);
  for (const [index, [name, parentURL]] of all.entries()) {
    try {
      return await next(name, { ...context, parentURL });
    } catch (error) {
      if (!isMissing(error) || index === all.length - 1) throw error;
    }
  }
  throw new TypeError(`nothing to resolve for ${specifier}`);
}
