/**
 * archive_overlay: a poststop hook of OCI runtimes that archives the changes of a container in overlay mounts.
 * docs/archive-overlay.md
 */
import { markOwnProcess } from 'layerhook/system';
import { main } from './archive/main.js';

markOwnProcess();
main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
