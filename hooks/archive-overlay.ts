/**
 * archive_overlay: a poststop hook of OCI runtimes that archives the changes of a container in overlay mounts.
 * docs/archive-overlay.md
 *
 * A node that is too old cannot link the modules of the program, and would print an error of its own: the check comes first,
 * and the program is imported after it.
 */
import { createRequire } from 'node:module';

// scripts/check-node.cjs, which the build puts there
createRequire(import.meta.url)('./check-node.cjs');
const { main } = await import('./archive/main.js');
process.exitCode = await main(process.argv.slice(2));
