/**
 * Looks up whether the record that proves a business's domain stands in the DNS, and tells the database what it found.
 *
 * POST
 * - `{account_id, domain_id}` with the token of a member who may invite → `{state}`: `verified`, `missing` or `waiting`.
 *   What the token does not open is `not_found`. `domain_taken` 409: another business's record stands there too;
 *   `domain_is_shared` 409: anybody can have a mailbox there; `too_many_tries` 429;
 *   `dns_unavailable` 503: nothing was learned, nothing changed.
 * - `{}` with `x-tf-worker` → `{checked, unanswered}`: proven domains not seen for most of a day are looked up again.
 */
import providers from 'npm:email-providers@2.26.0/all.json' with { type: 'json' };
import { z } from 'npm:zod@4.6.7';
import { contextOf, requirePerson } from '../_shared/caller.ts';
import { describeFailure, type Log } from '../_shared/log.ts';
import { clientOf, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { claimsToBeWorker, requireWorker } from '../_shared/worker.ts';
import { textsOf, txtQuestion } from './dns.ts';

const { DNS_RESOLVER_URL } = readSettings('DNS_RESOLVER_URL');

/** Where the record stands: a name of its own, so that it is in nothing else's way. */
const LABEL = '_tradersflow';
const RESOLVER_TIMEOUT_MS = 5000;
const RUN_MS = 20_000;
const BATCH = 100;

const shared = new Set<string>(providers);

const Asked = z.strictObject({ account_id: z.guid(), domain_id: z.guid() });
const Domain = z.object({ account_id: z.string(), domain_id: z.string(), domain: z.string() });
type Domain = z.output<typeof Domain>;
const State = z.enum(['verified', 'missing', 'waiting']);

serve('domains', async (call) => {
    allowMethods(call.request, 'POST');
    if (claimsToBeWorker(call.request)) {
        await requireWorker(call.request);
        await readJson(call.request, z.strictObject({}));
        return Response.json(await checkAgain(call));
    }
    return Response.json({ state: await check(call) });
});

async function check(call: Call): Promise<z.output<typeof State>> {
    const person = requirePerson(call.request);
    const asked = await readJson(call.request, Asked);
    const context = await contextOf(call);
    const client = await clientOf(person, call, context);
    // With the person's own token: a domain that they may not see is none.
    const rows = dataOf(
        await client
            .from('domains')
            .select('domain')
            .eq('account_id', asked.account_id)
            .eq('id', asked.domain_id)
    );
    const [row] = z.array(z.object({ domain: z.string() })).parse(rows);
    if (row === undefined) {
        throw new Problem('not_found');
    }
    if (shared.has(row.domain)) {
        throw new Problem('domain_is_shared');
    }
    const act: Act = { actor: person.userId, requestId: call.requestId, context };
    const wanted = [{ limit: 'domain_check', key: asked.account_id }];
    await callService(act, 'spend', { wanted, code: 'too_many_tries' }, z.null());
    const seen = await lookUp(row.domain, call.log);
    if (seen === null) {
        throw new Problem('dns_unavailable');
    }
    return await tell(act, { ...asked, ...row }, seen);
}

async function checkAgain(call: Call): Promise<{ checked: number; unanswered: number }> {
    const act: Act = { actor: 'domains', requestId: call.requestId, context: null };
    const until = performance.now() + RUN_MS;
    const domains = await callService(act, 'domains_to_check', { limit_rows: BATCH }, z.array(Domain));
    let checked = 0;
    let unanswered = 0;
    for (const domain of domains) {
        if (performance.now() > until) {
            break;
        }
        const seen = await lookUp(domain.domain, call.log);
        if (seen === null) {
            unanswered += 1;
        } else if (await told(act, domain, seen, call.log)) {
            checked += 1;
        }
    }
    call.log.info('domains', { checked, unanswered });
    return { checked, unanswered };
}

/** One domain that can't be settled keeps no other one waiting. */
async function told(act: Act, domain: Domain, seen: readonly string[], log: Log): Promise<boolean> {
    try {
        await tell(act, domain, seen);
        return true;
    } catch (failure) {
        log.error('domain_not_settled', { domain: domain.domain, ...describeFailure(failure) });
        return false;
    }
}

function tell(act: Act, { account_id, domain_id }: Domain, seen: readonly string[]) {
    return callService(act, 'domain_looked_up', { account_id, domain_id, seen }, State);
}

/** The texts that stand at the domain, or null when the resolver did not say. */
async function lookUp(domain: string, log: Log): Promise<string[] | null> {
    try {
        const answer = await fetch(txtQuestion(DNS_RESOLVER_URL, `${LABEL}.${domain}`), {
            headers: { accept: 'application/dns-json' },
            redirect: 'error',
            signal: AbortSignal.timeout(RESOLVER_TIMEOUT_MS)
        });
        if (!answer.ok) {
            await answer.body?.cancel();
            log.error('dns_unavailable', { status: answer.status });
            return null;
        }
        return textsOf(await answer.json());
    } catch (failure) {
        log.error('dns_unavailable', describeFailure(failure));
        return null;
    }
}
