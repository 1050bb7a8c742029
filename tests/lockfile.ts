// The lockfile must name the optional packages of every platform: npm leaves out those it could not fetch where the
// lockfile was written, and `npm ci` then stops with "Missing … from lock file" on the platform that needs them.
//   node tests/lockfile.ts          reports what is missing, and any registry's address; exit 1
//   node tests/lockfile.ts --fix    writes the missing entries
import { readFileSync, writeFileSync } from 'node:fs';

type Entry = {
    version: string;
    resolved?: string;
    integrity?: string;
    os?: string[];
    cpu?: string[];
    libc?: string[];
    optional?: boolean;
    optionalDependencies?: Record<string, string>;
};
type Lock = { packages: Record<string, Entry> };
type Missing = { path: string; name: string; version: string };

const file = new URL('../package-lock.json', import.meta.url);

/** Node's own resolution: the nearest node_modules upwards that holds the package. */
function isLocked(lock: Lock, from: string, name: string): boolean {
    for (
        let at = from;
        ;
        at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : ''
    ) {
        if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true;
        if (at === '') return false;
    }
}

/** Optional packages that some entry names and the lockfile lacks. */
export function missingEntries(lock: Lock): Missing[] {
    return Object.entries(lock.packages).flatMap(([from, entry]) =>
        Object.entries(entry.optionalDependencies ?? {})
            .filter(([name]) => !isLocked(lock, from, name))
            .map(([name, version]) => ({
                path: `node_modules/${name}`,
                name,
                version: version.replace(/^[v^~=]+/, '')
            }))
    );
}

/** Entries whose address would tie the lockfile to one registry. */
export function withRegistryAddress(lock: Lock): string[] {
    return Object.entries(lock.packages)
        .filter(([, entry]) => entry.resolved?.startsWith('http'))
        .map(([path]) => path);
}

const OS: Record<string, string> = { windows: 'win32' };
const CPUS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32'];
const SYSTEMS = [
    'android',
    'darwin',
    'freebsd',
    'linux',
    'openbsd',
    'openharmony',
    'sunos',
    'win32',
    'windows'
];

/**
 * The entry of a platform's package, read off its name (`@rollup/rollup-linux-arm64-musl`), which is how its field names
 * them. Without it npm would install the package nowhere; with it, on its own platform only.
 */
export function stub({ name, version }: Missing): Entry {
    const words = name.split('/').at(-1)?.split('-') ?? [];
    const cpu = words.filter((word) => CPUS.includes(word));
    const os = words.filter((word) => SYSTEMS.includes(word)).map((word) => OS[word] ?? word);
    if (cpu.length !== 1 || (os.length !== 1 && cpu[0] !== 'wasm32')) {
        throw new Error(`${name}: its name tells no platform; write its entry by hand`);
    }
    const libc = words.some((word) => word.includes('musl'))
        ? ['musl']
        : words.includes('gnu') || words.includes('glibc')
          ? ['glibc']
          : undefined;
    const onLinux = os[0] === 'linux' && libc;
    return { version, cpu, ...(onLinux && { libc }), optional: true, ...(os.length > 0 && { os }) };
}

function run(): void {
    const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock;
    const missing = missingEntries(lock);
    if (process.argv.includes('--fix')) {
        for (const each of missing) lock.packages[each.path] = stub(each);
        lock.packages = Object.fromEntries(
            Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))
        );
        writeFileSync(file, `${JSON.stringify(lock, null, 4)}\n`);
        console.log(`package-lock.json: ${missing.length} entries added`);
        return;
    }
    const complaints = [
        ...missing.map(({ name, version }) => `${name}@${version} is missing: run \`npm run lockfile\``),
        ...withRegistryAddress(lock).map((path) => `${path} names a registry's address`)
    ];
    for (const complaint of complaints) console.error(complaint);
    if (complaints.length > 0) process.exitCode = 1;
    else console.log('package-lock.json is complete');
}

if (import.meta.main) run();
