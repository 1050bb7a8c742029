// `npm run lint:db [-- --json]`: Supabase's own advisors and our rules over the live schema. Prints level, rule, object, why and
// remedy of each finding; fails on any ERROR or WARN.
import postgres from 'postgres';
import { z } from 'zod';
import type { StackInfo } from '../support/stack.ts';
import { onAStack, supabase } from './cli.ts';
import { RULES, lint, type Finding } from './lints/index.ts';

const Report = z.object({
    results: z.array(
        z.object({
            name: z.string(),
            title: z.string(),
            level: z.enum(['ERROR', 'WARN', 'INFO']),
            description: z.string(),
            detail: z.string(),
            remediation: z.string()
        })
    )
});

type Row = Omit<Finding, 'level'> & { level: 'ERROR' | 'WARN' | 'INFO' };

/** What the advisors find, in the words of our rules. */
async function advised(info: StackInfo): Promise<Row[]> {
    const { stdout, stderr, ok } = await supabase(info, [
        'db',
        'advisors',
        '--level=info',
        '--fail-on=none',
        '--output-format=json'
    ]);
    const report = Report.safeParse(jsonIn(stdout));
    if (!ok || !report.success) throw new Error(`The advisors did not answer.\n${stdout}${stderr}`);
    return report.data.results.map(({ name, level, description, detail, remediation }) => ({
        level,
        rule: name,
        object: detail,
        why: description,
        remedy: remediation
    }));
}

async function ours(info: StackInfo): Promise<Row[]> {
    const sql = postgres(info.databaseUrl, { max: 1, onnotice: () => undefined });
    try {
        return await lint(sql);
    } finally {
        await sql.end();
    }
}

function jsonIn(text: string): unknown {
    try {
        return JSON.parse(text.slice(text.indexOf('{')));
    } catch {
        return undefined;
    }
}

const rows = await onAStack(async (info) => [...(await advised(info)), ...(await ours(info))]);
const counted = (level: Row['level']): number => rows.filter((row) => row.level === level).length;
if (process.argv.includes('--json')) console.log(JSON.stringify(rows, null, 4));
else {
    for (const { level, rule, object, why, remedy } of rows.filter((row) => row.level !== 'INFO'))
        console.log(`${level} ${rule}: ${object}\n    ${why}\n    ${remedy}`);
    console.log(
        `${counted('ERROR')} ERROR, ${counted('WARN')} WARN, ${counted('INFO')} INFO by Supabase's advisors and ${RULES.length} rules of ours.`
    );
}
process.exitCode = counted('ERROR') + counted('WARN') === 0 ? 0 : 1;
