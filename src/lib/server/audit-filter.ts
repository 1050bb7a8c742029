/** The filter of the trail as it stands in an address: read leniently, said in words, written back. */
import { z } from 'zod';
import { kindOf, kindsIn, type FilterWords } from '$lib/domain/story-filter.ts';
import { ACTOR_KINDS, RESULTS, actionInWords, actorOf, type ActorKind } from '$lib/domain/story.ts';
import { Cursor, type Choices, type TrailQuery } from './audit.ts';

/** What an address may say. Whatever is no sense is taken as not said. */
const Asked = z.object({
    words: z.string().trim().min(1).max(100).nullable().catch(null),
    kind: z.string().min(1).max(40).nullable().catch(null),
    what: z.string().min(1).max(100).nullable().catch(null),
    who: z
        .union([z.uuid(), z.enum(ACTOR_KINDS)])
        .nullable()
        .catch(null),
    result: z.enum(RESULTS).nullable().catch(null),
    since: z.iso.date().nullable().catch(null),
    until: z.iso.date().nullable().catch(null),
    /** One thing: `invoice.<id>`. */
    about: z
        .string()
        .regex(/^[a-z_]{1,40}\.[0-9a-f-]{36}$/)
        .nullable()
        .catch(null),
    before: Cursor.nullable().catch(null),
    after: Cursor.nullable().catch(null)
});

/** What was asked for, each part null when it was not. */
export type AskedFor = z.infer<typeof Asked>;

export const FILTER_FIELDS = ['words', 'kind', 'what', 'who', 'result', 'since', 'until', 'about'] as const;

/** Reads the filter out of an address. */
export function filterOf(url: URL): AskedFor {
    const given = Object.keys(Asked.shape).map((name) => [name, url.searchParams.get(name)]);
    return Asked.parse(Object.fromEntries(given));
}

/** The address without what is empty, for forms send every field; null when there is nothing to take away. */
export function withoutEmpty(url: URL): string | null {
    const kept = new URLSearchParams([...url.searchParams].filter(([, value]) => value.trim() !== ''));
    return kept.size === url.searchParams.size ? null : `${url.pathname}${kept.size > 0 ? `?${kept}` : ''}`;
}

/** The query of a filter with something changed: where another page or a narrower view is. */
export function addressOf(asked: AskedFor, changed: Partial<AskedFor> = {}): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...asked, before: null, after: null, ...changed })) {
        if (value !== null && value !== '') query.set(name, value);
    }
    return query.size > 0 ? `/more/audit?${query}` : '/more/audit';
}

/** What the database is asked. A kind becomes the actions there ever were of it. */
export function queryOf(asked: AskedFor, choices: Choices): TrailQuery {
    const [entity, id] = asked.about?.split('.') ?? [];
    const ofKind = asked.kind && choices.actions.filter((action) => kindOf(action).key === asked.kind);
    return {
        ...(entity && id ? { entity, id } : {}),
        actor: asked.who,
        actions: asked.what !== null ? [asked.what] : ofKind || null,
        result: asked.result,
        since: asked.since,
        until: asked.until,
        words: asked.words,
        before: asked.before,
        after: asked.after
    };
}

type Option = { value: string; label: string };

const KINDS_OF_ACTORS: Readonly<Record<Exclude<ActorKind, 'person'>, string>> = {
    customer: 'Customers, by their link',
    partner: 'Partners',
    api_key: 'API keys',
    platform_owner: 'People from TradersFlow',
    webhook: 'Stripe',
    worker: 'TradersFlow, by itself',
    system: 'TradersFlow, at its start'
};

/** What the selects of the filter offer. */
export function optionsOf({ people, kinds, actions }: Choices): {
    kinds: Option[];
    who: Option[];
    actions: Option[];
} {
    const known = kinds.filter((kind): kind is Exclude<ActorKind, 'person'> => kind !== 'person');
    return {
        kinds: kindsIn(actions).map(({ key, label }) => ({ value: key, label })),
        who: [
            ...people.map(({ id, name, has_left }) => ({
                value: id,
                label: has_left ? `${name} (has left)` : name
            })),
            ...known.map((kind) => ({ value: kind, label: KINDS_OF_ACTORS[kind] }))
        ],
        actions: actions
            .map((action) => ({ value: action, label: actionInWords(action) }))
            .sort((a, b) => a.label.localeCompare(b.label, 'en-GB'))
    };
}

/** The filter for {@link filterInWords}; `thing` is what the one thing is called, when its records say. */
export function wordsOf(asked: AskedFor, choices: Choices, thing: string | null): FilterWords {
    const person = choices.people.find(({ id }) => id === asked.who);
    const kind = ACTOR_KINDS.find((each) => each === asked.who);
    return {
        thing:
            asked.about === null ? null : (thing ?? `One ${asked.about.split('.')[0]?.replaceAll('_', ' ')}`),
        kind: asked.kind,
        action: asked.what,
        who:
            person?.name ??
            (kind ? actorOf({ actor_kind: kind, actor_name: null }) : asked.who && 'somebody'),
        result: asked.result,
        since: asked.since,
        until: asked.until,
        words: asked.words
    };
}
