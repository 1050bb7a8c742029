/**
 * Whose account an external identity opens. A known identity signs in; a proven address joins the account that has
 * it; anything else begins a new one. An address the provider has not proven never joins an account.
 *
 * The people of a SAML provider (`sso:…`) are a pool of their own: an address joins them to each other and to nobody else.
 */
import { audit } from './audit.ts';
import type { Work } from './contract.ts';
import { refusal } from './errors.ts';
import { sendCode } from './mail.ts';
import type { ProviderPerson } from './providers.ts';
import { isBanned } from './request.ts';
import { KeepAndRefuse } from './transactions.ts';
import {
    confirmEmail,
    dropUnprovenIdentities,
    findUser,
    findUserClaiming,
    insertIdentity,
    insertUser,
    isConfirmed,
    mergeUserMetadata,
    refreshProviders,
    reloadUser,
    type IdentityRow,
    type User
} from './users.ts';

type Entered = { user: User; identity: IdentityRow };

/**
 * The person whom an external identity stands for, made or joined as needed.
 * @throws AuthError signup_disabled, user_banned; answers KeepAndRefuse provider_email_needs_verification when the
 * address has yet to be proven by mail
 */
export async function enterWithIdentity(
    work: Work,
    provider: string,
    person: ProviderPerson,
    emailOptional: boolean
): Promise<User | KeepAndRefuse> {
    const { settings } = work.auth;
    const proven = person.emailVerified || settings.autoconfirm;
    const { user, identity } = await findOrMake(work, provider, person, proven);
    if (isBanned(user, work.now)) throw refusal('user_banned');
    // Somebody without an address has none to confirm. Whoever was given one since is held to it.
    if (isConfirmed(user) || (emailOptional && !person.email && !user.email)) {
        await audit(work, user, 'login', { provider });
        return user;
    }
    // Somebody else may have signed up with this address before it was proven: nothing of theirs may stay.
    const cleaned = await dropUnprovenIdentities(work, user, identity);
    if (proven) {
        await audit(work, cleaned, 'user_signedup', { provider });
        return confirmEmail(work, cleaned);
    }
    if (!cleaned.email) {
        return needsVerification(
            `Unverified email with ${provider}. Verify the email with ${provider} in order to sign in`
        );
    }
    await sendCode(work, cleaned, 'signup', null);
    return needsVerification(
        `Unverified email with ${provider}. A confirmation email has been sent to your ${provider} email`
    );
}

const needsVerification = (message: string): KeepAndRefuse =>
    new KeepAndRefuse(refusal('provider_email_needs_verification', message));

async function findOrMake(
    work: Work,
    provider: string,
    person: ProviderPerson,
    proven: boolean
): Promise<Entered> {
    const known = await findIdentity(work, provider, person);
    if (known) return known;
    const isApart = provider.startsWith('sso:');
    const holder = isApart
        ? await findHolderAt(work, provider, person.email)
        : person.email
          ? await findUserClaiming(work.db, person.email)
          : null;
    if (holder && proven) {
        const identity = await insertIdentity(work, holder, provider, person.claims);
        const user = await refreshProviders(work, await mergeUserMetadata(work, holder, person.claims));
        const traits = { identity_id: identity.id, provider, provider_id: identity.provider_id };
        await audit(work, user, 'identity_linked', traits, work.caller.address ?? '');
        return { user, identity };
    }
    if (!work.auth.settings.enable_signup) throw refusal('signup_disabled');
    const made = await insertUser(work, {
        // Two accounts never share an address: beside its holder an unproven one stands without.
        email: holder ? null : person.email || null,
        encryptedPassword: null,
        appMetadata: { provider, providers: [provider] },
        userMetadata: person.claims,
        isSsoUser: isApart
    });
    const identity = await insertIdentity(work, made, provider, person.claims);
    return { user: await reloadUser(work.db, made), identity };
}

/** Whoever has the address among the people of one provider. */
async function findHolderAt({ db }: Work, provider: string, email: string): Promise<User | null> {
    const holders = await db<{ user_id: string }[]>`
        select distinct user_id from auth.identities where provider = ${provider} and email = ${email}
    `;
    if (holders.length > 1)
        throw refusal(
            'unexpected_failure',
            `Multiple accounts with the same email address in the same linking domain detected: ${provider}`
        );
    return holders[0] ? findUser(db, holders[0].user_id) : null;
}

async function findIdentity(work: Work, provider: string, person: ProviderPerson): Promise<Entered | null> {
    const { db, now } = work;
    const [identity] = await db<IdentityRow[]>`
        update auth.identities
        set identity_data = ${db.json(person.claims)}, last_sign_in_at = ${now}, updated_at = ${now}
        where provider = ${provider} and provider_id = ${person.subject}
        returning *
    `;
    const user = identity && (await findUser(db, identity.user_id));
    if (!identity || !user) return null;
    return {
        identity,
        user: await refreshProviders(work, await mergeUserMetadata(work, user, person.claims))
    };
}
