// Attacks through the functions of the Data API: finch's owner calls them with ids of bell.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aBusiness, call } from '../../support/business.ts';
import { exposedFunctions } from '../functions.ts';
import { expectedFunctions } from '../matrix.ts';
import { ask, nobodysId, repelled, theScene } from './scene.ts';
import type { Answer, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const rpc = (name: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(`/rest/v1/rpc/${name}`, { as: scene.finch.owner, method: 'POST', body, headers });

/** What each act would need, with the things of `of` in `account`. */
const ARGUMENTS: Record<string, (of: Scene['bell'], account: string) => Record<string, unknown>> = {
    audit_trail: (of, account_id) => ({ account_id, entity: 'invoice', entity_id: of.invoiceId }),
    create_customer: (_, account_id) => ({ account_id, customer: { name: 'x' }, site: null }),
    create_job: (of, account_id) => ({
        account_id,
        job: { title: 'x', customer_id: of.customerId, site_id: of.siteId },
        customer: null,
        site: null
    }),
    create_portal_link: (of, account_id) => ({ account_id, invoice_id: of.invoiceId }),
    discard_document: (of, account_id) => ({ account_id, document_id: of.documentId }),
    discard_invoice: (of, account_id) => ({ account_id, invoice_id: of.draftId }),
    finish_document: (of, account_id) => ({
        ...{ account_id, document_id: of.documentId, content_type: 'application/pdf', size_bytes: 16 },
        ...{ sha256: 'a'.repeat(64), width: null, height: null }
    }),
    issue_invoice: (of, account_id) => ({ account_id, invoice_id: of.draftId, expected_total_pence: 50_400 }),
    move_job: (of, account_id) => ({ account_id, job_id: of.jobId, to_state: 'quoted' }),
    prepare_invoice_pdf: (of, account_id) => ({ account_id, invoice_id: of.invoiceId }),
    revoke_portal_links: (of, account_id) => ({ account_id, invoice_id: of.invoiceId }),
    save_invoice: (of, account_id) => ({
        account_id,
        invoice_id: of.draftId,
        invoice: { job_id: of.jobId, customer_id: of.customerId },
        lines: []
    }),
    send_invoice: (of, account_id) => ({
        account_id,
        invoice_id: of.invoiceId,
        to_address: 'thief@example.test',
        message: null
    }),
    start_document: (of, account_id) => ({ account_id, job_id: of.jobId, kind: 'photo', file_name: 'x.jpg' }),
    today: (_, account_id) => ({ account_id })
};

const WITH_KEY = [
    'create_customer',
    'create_job',
    'create_portal_link',
    'issue_invoice',
    'save_invoice',
    'send_invoice',
    'start_document'
];

const given = (name: string, of: Scene['bell'], account: string): object => ({
    ...ARGUMENTS[name]?.(of, account),
    ...(WITH_KEY.includes(name) ? { idempotency_key: randomUUID() } : {})
});

/** Those that take no account: about the person, the public, or a link. */
const WITHOUT_ACCOUNT = [
    ...['me', 'enter', 'open_account', 'portal_invoice', 'audit_anchors'],
    ...['invitation', 'accept_invitation', 'my_sessions', 'end_session', 'my_sign_ins'],
    ...['require_fresh', 'joinable', 'prepare_credentials'],
    ...['my_factors', 'note_factors', 'make_recovery_codes', 'use_recovery_code'],
    ...['require_platform_owner', 'platform_overview', 'unblock_network']
];

/** What is given for an argument, by its name or its type, where the account alone is what matters. */
const A_VALUE: Record<string, unknown> = {
    act: 'jobs.write',
    code: 'not_allowed',
    text: 'invoices.read',
    'text[]': ['invoices.read'],
    uuid: '00000000-0000-7000-8000-000000000000',
    'uuid[]': ['00000000-0000-7000-8000-000000000000'],
    integer: 1,
    bigint: 1
};

/** Answers that show nothing. */
const NOTHING = ['false', 'null', '[]', ''];

/** Those whose things belong to an account and are named by an id besides the account's own. */
const MIXED = Object.keys(ARGUMENTS).filter(
    (name) => !['create_customer', 'today', 'audit_trail'].includes(name)
);

describe('another account’s ids', () => {
    test.each(
        [...expectedFunctions().keys()]
            .filter((name) => name.startsWith('public.'))
            .map((name) => name.slice('public.'.length))
            .filter((name) => !(name in ARGUMENTS) && !WITHOUT_ACCOUNT.includes(name))
    )('[ISO-1] %s, given another account’s id, answers as it does for an id of nothing', async (name) => {
        const functions = await scene.sql.begin((sql) => exposedFunctions(sql));
        const args = functions.find((one) => one.name === `public.${name}`)?.args ?? [];
        expect(args.map((one) => one.name)).toContain('account_id');
        const body = (account: string): object =>
            Object.fromEntries(
                args.map(({ name: argument, type }) => [
                    argument,
                    argument === 'account_id' ? account : (A_VALUE[argument] ?? A_VALUE[type] ?? null)
                ])
            );
        await repelled(scene, async () => {
            const theirs = await rpc(name, body(scene.bell.accountId));
            const nobodys = await rpc(name, body(nobodysId()));
            expect([theirs.status, theirs.text]).toEqual([nobodys.status, nobodys.text]);
            expect(theirs.status === 404 || NOTHING.includes(theirs.text), theirs.text).toBe(true);
            return [theirs, nobodys];
        });
    });

    test.each(Object.keys(ARGUMENTS))(
        '[ISO-1] %s, asked in the name of another account, is answered as if that account did not exist',
        async (name) => {
            const nowhere = nobodysId();
            await repelled(scene, async () => {
                const theirs = await rpc(name, given(name, scene.bell, scene.bell.accountId));
                const nobodys = await rpc(name, given(name, scene.bell, nowhere));
                expect(theirs).toMatchObject({ status: 404, text: expect.stringContaining('not_found') });
                expect(theirs.text).toBe(nobodys.text);
                return [theirs, nobodys];
            });
        }
    );

    test.each(MIXED)(
        '[ISO-1] %s, in one’s own name with another account’s things, is refused as if they did not exist',
        async (name) => {
            const nothing = { ...scene.bell };
            for (const key of [
                'customerId',
                'siteId',
                'jobId',
                'invoiceId',
                'draftId',
                'documentId'
            ] as const)
                nothing[key] = nobodysId();
            await repelled(scene, async () => {
                const theirs = await rpc(name, given(name, scene.bell, scene.finch.accountId));
                const nobodys = await rpc(name, given(name, nothing, scene.finch.accountId));
                expect(theirs.status).toBeGreaterThanOrEqual(400);
                expect(theirs.status).toBe(nobodys.status);
                expect(JSON.parse(theirs.text)).toMatchObject({
                    code: (JSON.parse(nobodys.text) as { code: string }).code
                });
                return [theirs, nobodys];
            });
        }
    );

    test('[ISO-1] ids of another account inside a JSON argument are worth nothing', async () => {
        const { bell, finch } = scene;
        await repelled(scene, async () => {
            const answers = [
                await rpc('create_customer', {
                    account_id: finch.accountId,
                    idempotency_key: randomUUID(),
                    customer: {
                        id: bell.customerId,
                        account_id: bell.accountId,
                        name: 'Mine',
                        created_by: bell.owner.id
                    },
                    site: {
                        account_id: bell.accountId,
                        customer_id: bell.customerId,
                        address_line_1: '1 High Street'
                    }
                }),
                await rpc('create_job', {
                    account_id: finch.accountId,
                    idempotency_key: randomUUID(),
                    job: {
                        title: 'x',
                        customer_id: finch.customerId,
                        site_id: bell.siteId,
                        account_id: bell.accountId
                    },
                    customer: null,
                    site: null
                }),
                await rpc('save_invoice', {
                    account_id: finch.accountId,
                    invoice_id: null,
                    idempotency_key: randomUUID(),
                    invoice: {
                        job_id: finch.jobId,
                        customer_id: bell.customerId,
                        account_id: bell.accountId
                    },
                    lines: []
                }),
                await rpc('save_invoice', {
                    account_id: finch.accountId,
                    invoice_id: null,
                    idempotency_key: randomUUID(),
                    invoice: { job_id: bell.jobId, customer_id: finch.customerId },
                    lines: []
                })
            ];
            expect(answers.map(({ status }) => status < 400)).toEqual([true, false, false, false]);
            return answers;
        });
    });

    test('[ISO-1] whether somebody may do something in another account is no, whether it exists or not', async () => {
        for (const account_id of [scene.bell.accountId, nobodysId()])
            expect((await rpc('has_permission', { account_id, permission: 'invoices.read' })).text).toBe(
                'false'
            );
        const own = await rpc('has_permission', {
            account_id: scene.finch.accountId,
            permission: 'invoices.read'
        });
        expect(own.text).toBe('true');
    });

    test('[ISO-1] the trail of one’s own account holds nothing of another’s entity', async () => {
        await repelled(scene, async () => {
            const answer = await rpc('audit_trail', {
                account_id: scene.finch.accountId,
                entity: 'invoice',
                entity_id: scene.bell.invoiceId
            });
            expect(answer.status).toBe(200);
            return answer;
        }, [scene.bell.accountId, scene.bell.customerId]);
    });
});

describe('repetition', () => {
    const act = (account: string, key: string, name: string) => ({
        account_id: account,
        idempotency_key: key,
        customer: { name },
        site: null
    });

    test('[ISO-1] the key of another account’s form brings none of its answer, in either name', async () => {
        const key = randomUUID();
        const made = await call<{ customer_id: string }>(
            scene.bell.owner.db,
            'create_customer',
            act(scene.bell.accountId, key, 'Secret')
        );
        await repelled(scene, async () => {
            const answers = [
                await rpc('create_customer', act(scene.bell.accountId, key, 'Secret')),
                await rpc('create_customer', act(scene.finch.accountId, key, 'Secret'))
            ];
            expect(answers.map(({ status }) => status)).toEqual([404, 200]);
            return answers;
        }, [made.customer_id]);
    });

    test('[ISO-1] a colleague’s key brings none of their answer', async () => {
        const key = randomUUID();
        const staff = await scene.bell.withMember('staff');
        const body = act(scene.bell.accountId, key, 'Colleague');
        const made = await call<{ customer_id: string }>(scene.bell.owner.db, 'create_customer', body);
        const answer = await ask('/rest/v1/rpc/create_customer', { as: staff, method: 'POST', body });
        expect(answer.text).toContain('idempotency_key_reused');
        expect(answer.text).not.toContain(made.customer_id);
    });

    test('[ISO-1] an attempt in another account’s name leaves no key behind there', async () => {
        const key = randomUUID();
        await repelled(scene, () => rpc('create_customer', act(scene.bell.accountId, key, 'Squatter')));
        const own = await ask('/rest/v1/rpc/create_customer', {
            as: scene.bell.owner,
            method: 'POST',
            body: act(scene.bell.accountId, key, 'Really mine')
        });
        expect(own.status).toBe(200);
    });
});

describe('what has no address', () => {
    test.each([
        ...[
            'set_config',
            'current_setting',
            'pg_sleep',
            'pg_read_file',
            'pg_ls_dir',
            'lo_import',
            'lo_export'
        ],
        ...[
            'lo_create',
            'lo_from_bytea',
            'lo_get',
            'loread',
            'query_to_xml',
            'table_to_xml',
            'database_to_xml'
        ],
        ...[
            'pg_notify',
            'pg_terminate_backend',
            'pg_stat_get_activity',
            'dblink',
            'version',
            'http_post',
            'schedule'
        ],
        ...['accounts_with', 'require', 'replay', 'remember', 'act_as', 'before_request', 'kick', 'holdings'],
        ...['create_secret', 'uid', 'jwt', 'gen_random_bytes', 'crypt', 'fail', 'record', 'verify', 'append']
    ])('[ISO-4] %s can’t be called from outside', async (name) => {
        for (const body of [{}, { name: 'tf.actor', value: 'x', is_local: false }]) {
            const answer = await rpc(name, body);
            expect(answer).toMatchObject({ status: 404, text: expect.stringContaining('PGRST202') });
        }
    });

    const ofService = [...expectedFunctions()]
        .filter(([, [granted]]) => granted === 'service_role')
        .map(([name]) => name.replace(/^service\./, ''));

    test.each(ofService)(
        '[ISO-4] service.%s is refused to a person, to nobody, and by any spelling',
        async (name) => {
            const functions = await scene.sql.begin((sql) => exposedFunctions(sql));
            const args = functions.find((one) => one.name === `service.${name}`)?.args ?? [];
            const body = Object.fromEntries(args.map(({ name: argument }) => [argument, null]));
            await repelled(scene, async () => {
                const answers = await Promise.all([
                    rpc(name, body, { 'content-profile': 'service' }),
                    rpc(name, body, { 'content-profile': 'service', prefer: 'params=single-object' }),
                    rpc(`service.${name}`, body),
                    ask(`/rest/v1/rpc/${name}`, {
                        method: 'POST',
                        body,
                        headers: { 'content-profile': 'service' }
                    })
                ]);
                expect(answers[0]?.text).toContain('42501');
                expect(answers[3]?.text).toContain('42501');
                for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
                return answers;
            });
        }
    );

    test('[ISO-1] a function that writes can’t be called by GET, nor with an argument it does not know', async () => {
        const read = await ask(
            `/rest/v1/rpc/move_job?account_id=${scene.finch.accountId}&job_id=${scene.finch.jobId}&to_state=quoted`,
            { as: scene.finch.owner }
        );
        expect(read.status).toBeGreaterThanOrEqual(400);
        const more = await rpc('today', { account_id: scene.finch.accountId, role: 'service_role' });
        expect(more.status).toBe(404);
        const twice = await ask('/rest/v1/rpc/today', {
            as: scene.finch.owner,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: `{"account_id":"${scene.finch.accountId}","account_id":"${scene.bell.accountId}"}`
        });
        expect(twice.text).not.toContain(scene.mark);
        expect((await rpc('today', { account_id: scene.finch.accountId })).status).toBe(200);
    });
});

test('[ISO-1] a second business opened with another’s name, words or key is another business', async () => {
    const key = randomUUID();
    const twin = await aBusiness({ name: 'Bell Lane' });
    await repelled(scene, async () => {
        const seen = await twin.owner.db.from('accounts').select('*');
        const again = await call(scene.finch.owner.db, 'open_account', {
            ...{ name: 'Bell Lane', trade: 'x', vat_registered: false, vat_number: null },
            ...{ person_name: 'Sam Bell', idempotency_key: key }
        });
        expect(again).not.toBe(scene.bell.accountId);
        return [seen.data, again];
    }, [scene.bell.accountId]);
});
