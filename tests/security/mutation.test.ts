// Are the tests to be trusted? A random sample of the mutants that `npm run test:mutation` makes (see tests/mutation): each
// must be killed, and one that no test can know of must be found out.
import { beforeAll, describe, expect, test } from 'vitest';
import { sourceVersion } from '../../local/version.ts';
import { conditionsIn, cutOut, guardsIn } from '../mutation/body.ts';
import { campaign } from '../mutation/campaign.ts';
import type { Report } from '../mutation/campaign.ts';
import { nameOf } from '../mutation/mutant.ts';
import { projectDir } from '../support/stack.ts';

const SAMPLE = 24;
/** Each commit draws a sample of its own, and whoever tests that commit again draws the same. */
const seed = Number(
    process.env.TF_SEED ?? parseInt((sourceVersion(projectDir).commit ?? '1').slice(0, 7), 16)
);

/** A rule that guards something, and that nobody has thought of testing. */
const PLANTED = 'refuse_one_name';
const UNTESTED = `
    create function private.${PLANTED}() returns trigger
        language plpgsql
        set search_path = ''
    as $$
    begin
        if new.name = 'A name that occurs in no test' then
            perform private.fail('validation_failed', 'Not that name.', 'name');
        end if;
        return new;
    end
    $$;
    comment on function private.${PLANTED}() is 'Refuses one name.';
    create trigger ${PLANTED} before insert on public.customers
        for each row execute function private.${PLANTED}();
`;

describe('a mutation run', () => {
    let report: Report;
    const isPlanted = (name: string): boolean => name.includes(PLANTED);

    beforeAll(async () => {
        console.log(`# mutants sampled with --sample ${SAMPLE} --seed ${seed}`);
        report = await campaign({
            sample: SAMPLE,
            seed,
            always: PLANTED,
            prepare: async (owner) => void (await owner.unsafe(UNTESTED))
        });
    }, 240_000);

    test('[ISO-5] every mutant of a random sample is killed by a test', () => {
        const again = `npm run test:mutation -- --sample ${SAMPLE} --seed ${seed}`;
        expect(
            report.survivors.map(nameOf).filter((name) => !isPlanted(name)),
            again
        ).toEqual([]);
        const sampled = report.verdicts.filter(({ mutant }) => !isPlanted(nameOf(mutant)));
        expect(sampled).toHaveLength(SAMPLE);
    });

    test('[ISO-5] a rule that no test covers is reported as a survivor', () => {
        const names = report.survivors.map(nameOf);
        expect(names).toContain(`trigger: public.customers: ${PLANTED}: disabled`);
        expect(names.filter((name) => name.startsWith(`function guard: private.${PLANTED}()`))).toHaveLength(
            1
        );
    });

    test('[ISO-5] no mutant is excused that does not exist', () => {
        expect(report.stale).toEqual([]);
    });
});

describe('the body of a function', () => {
    const body = `
    begin
        perform private.require(for_account, 'a.b'); -- and not this
        if not found or thing.state <> 'open; and' then
            raise exception using errcode = '42501', message = 'No.';
        end if;
        return exists (
            select from t join u on u.id = t.id and (u.a or u.b)
            where t.account_id = for_account and t.at between a and b and coalesce(t.x, false)
        );
    end`;
    const mutated = (cut: Parameters<typeof cutOut>[1]): string => cutOut(body, cut);

    test('loses each statement that stops an act, as a mutant of its own', () => {
        const cuts = guardsIn(body);
        expect(cuts.map(({ what }) => what)).toEqual([
            "without perform private.require(for_account, 'a.b')",
            "without raise exception using errcode = '42501', message = 'No.'"
        ]);
        expect(cuts.map(mutated)).toEqual([
            body.replace("perform private.require(for_account, 'a.b');", 'null;'),
            body.replace("raise exception using errcode = '42501', message = 'No.';", 'null;')
        ]);
    });

    test('loses each term of each condition, whatever stands in its strings and parentheses', () => {
        const cuts = conditionsIn(body);
        expect(cuts.map(({ what, text }) => `${text}: ${what}`)).toEqual([
            'false: if without not found',
            "false: if without thing.state <> 'open; and'",
            'true: on without u.id = t.id',
            'true: on without (u.a or u.b)',
            'true: where without t.account_id = for_account',
            'true: where without t.at between a and b',
            'true: where without coalesce(t.x, false)'
        ]);
        expect(mutated(cuts[5] ?? { from: 0, to: 0, text: '', what: '' })).toBe(
            body.replace('t.at between a and b', 'true')
        );
    });
});
