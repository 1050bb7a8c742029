// Our own rules over the live schema, beside the advisors that Supabase brings. Each stands in its file with its examples.
import { rule as anonReachesWhatIsListed } from './anon_reaches_what_is_listed.ts';
import { rule as definersAreReviewed } from './definers_are_reviewed.ts';
import { rule as everythingSaysWhatItIsFor } from './everything_says_what_it_is_for.ts';
import { rule as foreignKeysHaveAnIndex } from './foreign_keys_have_an_index.ts';
import { rule as functionsAreRunByName } from './functions_are_run_by_name.ts';
import { rule as functionsSearchNowhere } from './functions_search_nowhere.ts';
import { rule as moneyIsWholePence } from './money_is_whole_pence.ts';
import { rule as nobodyTruncates } from './nobody_truncates.ts';
import { rule as policiesAreForOneVerb } from './policies_are_for_one_verb.ts';
import { rule as policiesAreSentences } from './policies_are_sentences.ts';
import { rule as policiesAskOnceAStatement } from './policies_ask_once_a_statement.ts';
import { rule as policiesAskWhoItIs } from './policies_ask_who_it_is.ts';
import { rule as policiesCallNoFunctionOnAColumn } from './policies_call_no_function_on_a_column.ts';
import { rule as policiesHaveAnIndex } from './policies_have_an_index.ts';
import { rule as policiesLeaveThePlanAlone } from './policies_leave_the_plan_alone.ts';
import { rule as policiesNameTheirRole } from './policies_name_their_role.ts';
import { rule as referencesCarryTheAccount } from './references_carry_the_account.ts';
import { rule as secretsAreClassified } from './secrets_are_classified.ts';
import { rule as statesCloseEveryTable } from './states_close_every_table.ts';
import { rule as tablesAreAudited } from './tables_are_audited.ts';
import { rule as tablesAreClosed } from './tables_are_closed.ts';
import { rule as tenantTablesBeginWithTheirAccount } from './tenant_tables_begin_with_their_account.ts';
import { rule as theServiceKeyReachesFunctionsOnly } from './the_service_key_reaches_functions_only.ts';
import { rule as timesCarryTheirZone } from './times_carry_their_zone.ts';
import { rule as unexposedTablesAreUnreachable } from './unexposed_tables_are_unreachable.ts';
import { rule as viewsAskAsTheirReader } from './views_ask_as_their_reader.ts';
import type { Rule, Sql } from './rule.ts';

export type { Rule, Sql } from './rule.ts';

/** One breach of one rule. */
export type Finding = { level: Rule['level']; rule: string; object: string; why: string; remedy: string };

export const RULES: readonly Rule[] = [
    tablesAreClosed,
    tenantTablesBeginWithTheirAccount,
    referencesCarryTheAccount,
    statesCloseEveryTable,
    policiesNameTheirRole,
    policiesAreForOneVerb,
    policiesAskWhoItIs,
    policiesAskOnceAStatement,
    policiesCallNoFunctionOnAColumn,
    policiesLeaveThePlanAlone,
    policiesHaveAnIndex,
    policiesAreSentences,
    foreignKeysHaveAnIndex,
    nobodyTruncates,
    anonReachesWhatIsListed,
    theServiceKeyReachesFunctionsOnly,
    unexposedTablesAreUnreachable,
    definersAreReviewed,
    functionsSearchNowhere,
    functionsAreRunByName,
    viewsAskAsTheirReader,
    tablesAreAudited,
    secretsAreClassified,
    moneyIsWholePence,
    timesCarryTheirZone,
    everythingSaysWhatItIsFor
];

/** What breaks a rule and isn't excused from it; and excuses that nothing needs any more. */
export async function findings(sql: Sql, rule: Rule): Promise<Finding[]> {
    const { name, level, why, remedy, excused = {} } = rule;
    const found = [...new Set(await rule.find(sql))];
    const broken = found
        .filter((object) => !Object.hasOwn(excused, object))
        .map((object): Finding => ({ level, rule: name, object, why, remedy }));
    const idle = Object.keys(excused)
        .filter((object) => !found.includes(object))
        .map((object): Finding => ({
            level: 'WARN',
            rule: name,
            object,
            why: 'It is excused from this rule and does not break it.',
            remedy: `Take its excuse out of tests/database/lints/${name}.ts.`
        }));
    return [...broken, ...idle];
}

/** What breaks any rule. */
export async function lint(sql: Sql): Promise<Finding[]> {
    const all: Finding[] = [];
    for (const rule of RULES) all.push(...(await findings(sql, rule)));
    return all;
}
