type Quota = { quota: number; period_seconds: number; grows: boolean };

const UNITS = [
    { seconds: 86_400, one: 'a day', many: 'days' },
    { seconds: 3_600, one: 'an hour', many: 'hours' },
    { seconds: 60, one: 'a minute', many: 'minutes' },
    { seconds: 1, one: 'a second', many: 'seconds' }
] as const;

/** How much a limit lets through, as docs/limits.md says it: '10 in 15 minutes', '20 a day'. */
export function quotaInWords({ quota, period_seconds, grows }: Quota): string {
    const unit = UNITS.find(({ seconds }) => period_seconds % seconds === 0) ?? UNITS[3];
    const n = period_seconds / unit.seconds;
    const period = n === 1 ? unit.one : `${n} ${unit.many}`;
    if (grows) return `${quota}, then waits that grow from ${period}`;
    return n === 1 ? `${quota} ${period}` : `${quota} in ${period}`;
}
