// The two businesses that the matrix plays on, each with rows in every table that has an address.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ISql } from 'postgres';
import { installBuilders } from '../database/pgtap.ts';

/** Makes the builders, bell and finch and their people. Roll it back, or keep it in a database made for it. */
export async function setTheScene(sql: ISql): Promise<void> {
    await installBuilders(sql);
    await sql.unsafe(readFileSync(join(import.meta.dirname, 'trials.sql'), 'utf8'));
    for (const name of ['bell', 'finch']) {
        await sql`select tests.business(${name})`;
        // Another address ends every session, so that it comes first. See 'heron' below.
        if (name === 'bell') await sql`select tests.change_address('bell owner', 'sam@heron.example')`;
        await sql`select tests.job(${name})`;
        await sql`select tests.sendable(${name})`;
        await sql`insert into tests.words (name, word) select ${`${name} token`}, tests.link(${name})`;
        // Looked at once, so that looking again changes nothing.
        await sql`select public.portal_invoice(tests.word(${`${name} token`}))`;
        await sql`
            insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
            values (tests.id(${name}), tests.id(${`${name} invoice`}), 100, 'cash', now())
        `;
        await anExport(sql, name);
        await aNotice(sql, name);
        await aWayBack(sql, name);
        await sql`select tests.draft(${name}, null, 'draft')`;
        await sql`select tests.photo(${name})`;
        await sql`select tests.job(${name}, 'newest job')`;
        await aStart(sql, name, 'arriving');
        await aStart(sql, name, 'arrived');
        for (const part of ['upload', 'object'])
            await sql`select tests.store(tests.id(${`${name} arrived`}), ${part})`;
        await anUploadInParts(sql, name);
        await aTillAtStripe(sql, name);
        await anAnchor(sql, name);
        await workForEdgeFunctions(sql, name);
    }
    for (const role of ['admin', 'staff', 'partner', 'agent'])
        await sql`select tests.member('bell', ${role})`;
    await sql`select tests.member('bell', 'owner', 'bell leaver')`;
    await sql`select tests.person('finch guest')`;
    await aTeam(sql, 'bell', 'bell leaver');
    await aTeam(sql, 'finch', 'finch guest');
    // A third business, which the owner may ask to join by their address.
    await sql`select tests.business('heron')`;
    await sql`select tests.domain('heron')`;
    await sql`select tests.sso('heron', 'on')`;
    await sql`select tests.member_with('bell', array['jobs.read'], 'bell planner')`;
    for (const job of ['bell job', 'bell newest job'])
        for (const person of ['bell staff', 'bell planner'])
            await sql`select tests.put_on(${job}, ${person})`;
    await sql`select tests.put_on('finch job', 'finch colleague')`;
    await aStart(sql, 'bell', 'staff arriving', 'bell staff');
    await sql`select tests.member('bell', 'owner', 'bell roamer')`;
    await sql`
        insert into public.members (account_id, user_id, role_id, display_name, email)
        select r.account_id, tests.id('bell roamer'), r.id, 'Roamer', 'roamer@people.example'
        from public.roles as r
        where r.account_id = tests.id('finch')
          and r.key = 'partner'
    `;
}

/**
 * A colleague; somebody who was removed; a role of the business's own; and two open invitations, of which 'bell invitation
 * token' is for somebody who comes back after they were removed.
 */
async function aTeam(sql: ISql, name: string, guest: string): Promise<void> {
    await sql`select tests.member(${name}, 'staff', ${`${name} colleague`})`;
    await sql`select tests.member(${name}, 'staff', ${`${name} former`})`;
    await sql`update public.members set removed_at = now() where id = tests.id(${`${name} former membership`})`;
    await sql`
        with role as (insert into public.roles (account_id, name) values (tests.id(${name}), 'Mate') returning account_id, id),
        allowed as (
            insert into public.role_permissions (account_id, role_id, permission)
            select account_id, id, 'jobs.read' from role
        )
        select tests.keep(${`${name} mate`}, id) from role
    `;
    await sql`select tests.invited(${name}, ${`${name}@mail.example`})`;
    // Invited while they were no member, as they will be when they accept.
    await sql`update public.members set removed_at = now() where user_id = tests.id(${guest})`;
    await sql`
        insert into tests.words (name, word)
        select ${`${name} invitation token`}, tests.invited(${name}, tests.address(${guest}), 'staff', 'return')
    `;
    await sql`update public.members set removed_at = null where user_id = tests.id(${guest})`;
    await aDomain(sql, name);
}

/** A proven domain, not looked up for a day, with single sign-on begun; and somebody with an address in it who asks to join. */
async function aDomain(sql: ISql, name: string): Promise<void> {
    await sql`select tests.domain(${name})`;
    await sql`select tests.person(${`${name} asker`})`;
    await sql`select tests.asked_to_join(${name}, ${`${name} asker`})`;
    await sql`
        update public.domains
        set found_at = now() - interval '1 day'
        where account_id = tests.id(${name})
    `;
    await sql`select tests.sso(${name})`;
}

/** A second session of the owner, a device they had before, and the mail that told them of it: `bell session`, and `bell notice` is its link. */
async function aNotice(sql: ISql, name: string): Promise<void> {
    await sql`
        with begun as (
            insert into auth.sessions (id, user_id, created_at, updated_at, aal)
            values (gen_random_uuid(), tests.id(${`${name} owner`}), now(), now(), 'aal1')
            returning id
        )
        select tests.keep(${`${name} session`}, id) from begun
    `;
    await sql`
        insert into private.session_devices (session_id, user_id, device)
        values (gen_random_uuid(), tests.id(${`${name} owner`}), 'Safari on iOS')
    `;
    await sql`
        insert into private.recovery_codes (user_id, code_hash)
        values (tests.id(${`${name} owner`}), private.code_hash('0000-0000-0000-0000'))
    `;
    await sql`insert into tests.words (name, word) values (${`${name} notice`}, ${`the notice of ${name}`})`;
    await sql`
        insert into private.sign_in_notices (token_hash, user_id, former_email)
        values (
            sha256(convert_to(tests.word(${`${name} notice`}), 'utf8')), tests.id(${`${name} owner`}),
            ${`former@${name}.example`}
        )
    `;
}

/** The owner comes back from Microsoft, which does not vouch for them: `bell provider code` is what they bring. */
async function aWayBack(sql: ISql, name: string): Promise<void> {
    await sql`insert into tests.words (name, word) values (${`${name} provider code`}, gen_random_uuid()::text)`;
    await sql`
        insert into auth.identities (provider_id, user_id, identity_data, provider)
        values (${`${name} at microsoft`}, tests.id(${`${name} owner`}), '{"custom_claims": {}}', 'azure')
    `;
    await sql`
        insert into auth.flow_state (id, user_id, auth_code, provider_type, authentication_method)
        values (
            gen_random_uuid(), tests.id(${`${name} owner`}), tests.word(${`${name} provider code`}), 'azure', 'oauth'
        )
    `;
}

/** An export of the trail that the owner began: `bell export` is its number, and pages leave for nobody else. */
async function anExport(sql: ISql, name: string): Promise<void> {
    await sql`select tests.claim(${`${name} owner`})`;
    await sql`
        insert into tests.words (name, word)
        select ${`${name} export`}, public.audit_begin_export(tests.id(${name}), 'jsonl') ->> 'export_id'
    `;
    await sql`select set_config('request.jwt.claims', '', true)`;
}

/** A photo that somebody has begun to upload: 'bell arriving' without a file, 'bell arrived' with both its files. */
async function aStart(
    sql: ISql,
    business: string,
    name: string,
    person = `${business} owner`
): Promise<void> {
    await sql`select tests.claim(${person})`;
    await sql`
        select tests.keep(
            ${`${business} ${name}`},
            (
                public.start_document(tests.id(${business}), tests.id(${`${business} job`}), 'photo', 'IMG_2.jpg', gen_random_uuid())
                    ->> 'document_id'
            )::uuid
        )
    `;
    await sql`select set_config('request.jwt.claims', '', true)`;
}

/** What the storage server keeps of an upload that comes in parts. */
async function anUploadInParts(sql: ISql, business: string): Promise<void> {
    await sql`
        insert into storage.s3_multipart_uploads (id, bucket_id, key, upload_signature, version)
        select ${`${business} upload`}, d.bucket_id, d.upload_name, 'signature', '1'
        from public.documents as d
        where d.id = tests.id(${`${business} arriving`})
    `;
    await sql`
        insert into storage.s3_multipart_uploads_parts (upload_id, bucket_id, key, part_number, etag, version)
        select u.id, u.bucket_id, u.key, 1, 'etag', u.version
        from storage.s3_multipart_uploads as u
        where u.id = ${`${business} upload`}
    `;
}

/** A connected account with an event of it, and a page about to be opened. */
async function aTillAtStripe(sql: ISql, business: string): Promise<void> {
    const connected = `acct_matrix${business}`;
    await sql`
        insert into billing.connected_accounts (account_id, stripe_account_id, charges_enabled, payouts_enabled, details_submitted)
        values (tests.id(${business}), ${connected}, true, true, true)
    `;
    await sql`
        insert into billing.stripe_events (id, type, account, created_at, livemode, object_type, object_id, body_sha256)
        values (${`evt_${business}`}, 'account.updated', ${connected}, now(), false, 'account', ${connected}, repeat('ab', 32))
    `;
    await sql`
        insert into billing.stripe_leases (object_type, object_id, account, fence, lease_until)
        values ('account', ${connected}, ${connected}, 1, now())
    `;
    await sql`
        with attempt as (
            insert into billing.checkout_sessions (account_id, invoice_id, stripe_account_id, amount_pence)
            values (tests.id(${business}), tests.id(${`${business} invoice`}), ${connected}, 11900)
            returning id
        )
        select tests.keep(${`${business} attempt`}, id) from attempt
    `;
}

/** An anchor over the audit chain of the business, and the next one, ready to be stored. */
async function anAnchor(sql: ISql, business: string): Promise<void> {
    await sql`
        insert into audit.anchors (number, at, previous, root, size, key_id, signature, statement_hash)
        values (1, now(), sha256(''), sha256(''), 1, 'key', sha256('') || sha256(''), sha256(''))
        on conflict do nothing
    `;
    await sql`
        insert into audit.anchor_heads (chain_id, number, index, seq, hash, path)
        values (tests.id(${business}), 1, 0, 1, sha256(''), '{}')
    `;
    // The chain itself is linked as a transaction commits, and this one may never do.
    await sql`
        insert into audit.links (chain_id, seq, record_id, hash)
        select tests.id(${business}), 0, least(min(l.record_id), 0) - 1, sha256('')
        from audit.links as l
    `;
    await sql`
        insert into tests.words (name, word)
        select ${`${business} next anchor`}, jsonb_build_object(
            'number', a.number + 1,
            'at', now(),
            'previous', encode(a.statement_hash, 'hex'),
            'root', encode(sha256(''), 'hex'),
            'key', 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
            'signature', repeat('A', 86),
            'heads', jsonb_build_array(jsonb_build_object(
                'chain_id', tests.id(${business}), 'seq', 0, 'hash', encode(sha256(''), 'hex'), 'path', '[]'::jsonb
            ))
        )
        from audit.anchors as a
        order by a.number desc
        limit 1
    `;
}

/** A message that is due and one that is being sent, and an upload that nobody finished. */
async function workForEdgeFunctions(sql: ISql, business: string): Promise<void> {
    await sql`select tests.keep(${`${business} lease`}, gen_random_uuid())`;
    await sql`
        insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret, subject_id)
        values (tests.id(${business}), ${`${business} due`}, 'receipt', 'priya@mail.example', '{}', false, tests.id(${`${business} invoice`}))
    `;
    await sql`
        with message as (
            insert into mail.outbox (account_id, dedupe_key, template, to_address, data, has_secret, state, lease_token, lease_until)
            values (
                tests.id(${business}), ${`${business} leased`}, 'receipt', 'priya@mail.example', '{}', false,
                'sending', tests.id(${`${business} lease`}), now() + interval '1 minute'
            )
            returning id
        )
        select tests.keep(${`${business} message`}, id) from message
    `;
    await sql`
        with abandoned as (
            insert into public.documents (account_id, job_id, kind, file_name, upload_until)
            values (tests.id(${business}), tests.id(${`${business} job`}), 'photo', 'IMG_4.jpg', now() - interval '1 hour')
            returning id
        )
        select tests.keep(${`${business} abandoned`}, id) from abandoned
    `;
}
