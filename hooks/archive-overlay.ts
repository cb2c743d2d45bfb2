/**
 * archive_overlay: a poststop hook of OCI runtimes that archives the changes of a container in overlay mounts.
 * docs/archive-overlay.md
 */
import { main } from './archive/main.js';

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
