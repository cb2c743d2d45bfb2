// A storage driver for file systems that share blocks between copies (btrfs, xfs): cp makes reflinks of unpacked trees.
import { execFileSync } from 'node:child_process';
import { treeDriver } from 'layerhook';

export default treeDriver({
  name: 'reflink',
  clone(from, to) {
    execFileSync('cp', ['-aT', '--reflink=auto', '--', from, to], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
  },
});
