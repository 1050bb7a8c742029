// Supabase's own advisors over the live schema: `npm run lint:db` fails on any ERROR or WARN and says which.
import { z } from 'zod';
import { onAStack, supabase } from './cli.ts';

const Report = z.object({
    results: z.array(
        z.object({ name: z.string(), level: z.string(), detail: z.string(), remediation: z.string() })
    )
});

const answer = await onAStack((info) =>
    supabase(info, ['db', 'advisors', '--level=warn', '--fail-on=warn', '--output-format=json'])
);
const report = Report.safeParse(jsonIn(answer.stdout));
if (!report.success) throw new Error(`The advisors did not answer.\n${answer.stdout}${answer.stderr}`);

for (const { level, name, detail, remediation } of report.data.results) {
    console.error(`${level} ${name}: ${detail}\n    ${remediation}`);
}
const found = report.data.results.length;
console.log(found === 0 ? 'The advisors find no error and no warning.' : `The advisors find ${found}.`);
process.exitCode = found === 0 && answer.ok ? 0 : 1;

function jsonIn(text: string): unknown {
    try {
        return JSON.parse(text.slice(text.indexOf('{')));
    } catch {
        return undefined;
    }
}
