/**
 * Writes the bill of materials of the package to dist/sbom.cdx.json (CycloneDX), and asks the registry for known vulnerabilities
 * of its dependencies. Exit status 1 if there is one. Without a registry that answers, it says why and exits with 0.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** Runs npm on the lock file: the result does not depend on what is installed. */
function npm(...args) {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 60_000 };
  return spawnSync('npm', [...args, '--omit=dev', '--package-lock-only', '--loglevel=silent'], options);
}

function writeBill() {
  const { stdout, status } = npm('sbom', '--sbom-format=cyclonedx', '--sbom-type=application');
  if (status !== 0) throw new Error(`npm sbom ended with ${status}`);
  const bill = JSON.parse(stdout);
  // npm takes the name of the directory
  bill.metadata.component.name = name;
  mkdirSync('dist', { recursive: true });
  writeFileSync('dist/sbom.cdx.json', `${JSON.stringify(bill, null, 2)}\n`);
  console.log(
    `bill of materials: ${bill.components.length} components of ${name} ${version} in dist/sbom.cdx.json`,
  );
}

/** @returns the number of vulnerabilities, or why it is unknown */
function audit() {
  const { stdout, error } = npm('audit', '--json', '--fetch-retries=0', '--fetch-timeout=20000');
  if (error) return error.message;
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return 'npm gave no report';
  }
  const { metadata, message, vulnerabilities } = report;
  if (metadata === undefined) return message ?? 'the registry gave no report';
  for (const { name, severity, range } of Object.values(vulnerabilities))
    console.error(`${severity}: ${name} ${range}`);
  return metadata.vulnerabilities.total;
}

writeBill();
const found = audit();
if (typeof found === 'string')
  console.log(`audit skipped: ${found.replace(/https?:\/\/\S+/g, 'the registry')}`);
else console.log(`audit: ${found} known vulnerabilities`);
if (typeof found === 'number' && found > 0) process.exitCode = 1;
