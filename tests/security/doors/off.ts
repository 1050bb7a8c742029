// The two checks of a request, each taken away: the server's, in a build of its own; the database's, by statements for a
// database that is thrown away afterwards.
import type { Sql } from 'postgres';
import { buildVariant, type Change } from '../../support/variant.ts';

/**
 * The app without its guards: whoever asks is let in, as the business that they name, with every permission. What they get
 * to see then is the database's business alone: their own token goes along, or none.
 */
const unguarded: readonly Change[] = [
    {
        file: 'src/lib/server/guard.ts',
        from: /if \(standing\.state !== 'person'\) throw problem\('signed_out'\);\n\s+return \{ event, person: standing\.person, db: event\.locals\.db \};/,
        to: `const none = '00000000-0000-0000-0000-000000000000';
    const person = (standing.state === 'person'
        ? standing.person
        : { userId: none, sessionId: none, email: '', name: '', provedAt: 0, accessToken: '' }) as Person;
    return { event, person, db: event.locals.db };`
    },
    {
        file: 'src/lib/server/guard.ts',
        from: /return \{ \.\.\.halfway\(event\), me: await event\.locals\.me\(\) \};/,
        to: `const me = await event.locals.me().catch(() => nobody as unknown as Me);
    return { ...halfway(event), me };`
    },
    {
        file: 'src/lib/server/guard.ts',
        from: /async function somebodyWhoActs\([\s\S]+?\n\}\n/,
        to: `const nobody = { user_id: '00000000-0000-0000-0000-000000000000', email: '', accounts: [], demanding: [], former: [] };
async function somebodyWhoActs(event: RequestEvent, account: unknown): Promise<PersonGround<RequestEvent>> {
    const me = await event.locals.enter(account).catch(() => nobody as unknown as Me);
    return { ...halfway(event), me };
}
`
    },
    {
        file: 'src/lib/server/guard.ts',
        from: /if \(!account\.permissions\.includes\(permission\)\) throw problem\('not_allowed'\);/,
        to: ''
    },
    {
        file: 'src/lib/server/accounts.ts',
        from: /return me\.accounts\.find\(\(account\) => account\.id === preferred\) \?\? me\.accounts\[0\];/,
        to: 'return anybodys(me, preferred);'
    },
    {
        file: 'src/lib/server/accounts.ts',
        from: /const account = me\.accounts\.find\(\(\{ id \}\) => id === named\);\n\s+if \(account\) return account;\n\s+throw problem\('not_found'\);/,
        to: 'const account = anybodys(me, named);\n        if (account) return account;'
    },
    {
        file: 'src/lib/server/accounts.ts',
        from: /const preferenceCookie = '__Host-tf-account';/,
        to: `const preferenceCookie = '__Host-tf-account';

function anybodys(me: Me, named: string | undefined): Account | undefined {
    const own = me.accounts.find(({ id }) => id === named) ?? (named ? undefined : me.accounts[0]);
    if (!own && !named) return undefined;
    const made = {
        id: named, name: '', trade: '', vat_registered: true, state: 'active', display_name: '',
        role: { key: 'owner', name: 'Owner' }, stripe: { connected: true, charges_enabled: true }
    };
    return { ...made, ...own, permissions: [...permissions] } as Account;
}`
    }
];

/** Builds the app without its guards; answers its folder for `startApp`. */
export const buildWithoutGuards = (): Promise<string> => buildVariant('unguarded', unguarded);

/**
 * Takes the database's own refusals away: every policy becomes true and is for everybody, everybody holds what a member
 * holds, and the questions that functions ask first are answered yes. Only for a database that is thrown away.
 */
export async function openTheDatabase(sql: Sql): Promise<void> {
    await sql.unsafe(`
        do $$
        declare
            policy record;
        begin
            for policy in
                select format('%I.%I', schemaname, tablename) as "table", policyname, cmd
                from pg_policies
                where schemaname in ('public', 'storage')
            loop
                execute format('alter policy %I on %s to public %s %s', policy.policyname, policy."table",
                    case when policy.cmd <> 'INSERT' then 'using (true)' end,
                    case when policy.cmd not in ('SELECT', 'DELETE') then 'with check (true)' end);
            end loop;
        end
        $$;

        grant usage on schema public, private, extensions to anon;
        grant select, insert, update, delete on all tables in schema public to anon, authenticated;
        grant execute on all functions in schema public, private to anon;

        create or replace function private.require(for_account uuid, permission text) returns void
            language plpgsql stable security definer set search_path = ''
            as $$ begin end $$;
        create or replace function private.require_fresh() returns void
            language plpgsql stable security definer set search_path = ''
            as $$ begin end $$;
        create or replace function private.accounts_with(permission text) returns uuid[]
            language plpgsql stable security definer set search_path = ''
            as $$ begin return array(select a.id from public.accounts as a); end $$;
        create or replace function private.belongs_to(account uuid) returns boolean
            language plpgsql stable set search_path = ''
            as $$ begin return true; end $$;
    `);
}
