// Memory of a process and all its descendants, as Linux accounts for it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export type Memory = {
    /** Shared pages counted once in all, split among those who share them. */
    pss_mb: number;
    /** Shared pages counted for everybody who maps them. */
    rss_mb: number;
    /** PSS by program. */
    by_program: Record<string, number>;
};

type Process = { pid: number; parent: number; program: string };

function running(): Process[] {
    return readdirSync('/proc').flatMap((name) => {
        if (!/^\d+$/.test(name)) return [];
        try {
            const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
            // Its name stands in brackets and may hold anything; the parent is the second field after it.
            const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
            return [{ pid: Number(name), parent, program: basename(readlinkSync(`/proc/${name}/exe`)) }];
        } catch {
            return [];
        }
    });
}

function withDescendants(pid: number): Process[] {
    const all = running();
    const of = (parent: Process): Process[] => [
        parent,
        ...all.filter((process) => process.parent === parent.pid).flatMap(of)
    ];
    return all.filter((process) => process.pid === pid).flatMap(of);
}

/** Memory of the process and everything it started, or null where the system does not tell (it is no Linux). */
export function memoryOf(pid: number): Memory | null {
    if (process.platform !== 'linux') return null;
    const found = withDescendants(pid).flatMap(({ pid: each, program }) => {
        try {
            const rollup = readFileSync(`/proc/${each}/smaps_rollup`, 'utf8');
            const kilobytes = (name: string): number =>
                Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
            return [{ program, pss: kilobytes('Pss'), rss: kilobytes('Rss') }];
        } catch {
            return [];
        }
    });
    const megabytes = (kilobytes: number): number => Math.round(kilobytes / 102.4) / 10;
    const total = (of: 'pss' | 'rss', among = found): number =>
        megabytes(among.reduce((sum, process) => sum + process[of], 0));
    const programs = [...new Set(found.map(({ program }) => program))];
    return {
        pss_mb: total('pss'),
        rss_mb: total('rss'),
        by_program: Object.fromEntries(
            programs.map((name) => [
                name,
                total(
                    'pss',
                    found.filter(({ program }) => program === name)
                )
            ])
        )
    };
}
