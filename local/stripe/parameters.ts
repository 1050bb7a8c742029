/**
 * The words that parameter schemas are written in, and the one place where a schema's refusal becomes Stripe's.
 * Every schema is strict: what it does not name is refused, never ignored.
 */
import { z } from 'zod';
import { faults } from './errors.ts';
import type { Form } from './form.ts';
import type { StripeFault } from './errors.ts';

/** How a value is wrong, carried from a schema to {@link parse}. */
type Blame = { message: string; code?: string };

function blame(message: string, code?: string) {
    return { code: 'custom' as const, params: { blame: { message, code } satisfies Blame } };
}

/** Any text but the empty one, which means "unset" and has its own word, {@link unsettable}. */
export function text(longest = 5000) {
    return z.string().superRefine((value, context) => {
        if (value === '') context.addIssue({ code: 'custom', params: { empty: true } });
        if (value.length > longest) {
            context.addIssue(
                blame(
                    `Invalid string: ${value.slice(0, 40)}…; must be at most ${longest} characters`,
                    'parameter_invalid_string_too_long'
                )
            );
        }
    });
}

/** A text that the empty one takes away: null then. */
export function unsettable(longest = 5000) {
    return z
        .string()
        .max(longest)
        .transform((value) => (value === '' ? null : value));
}

/** A whole number within bounds, both included. */
export function integer(lowest = Number.MIN_SAFE_INTEGER, highest = Number.MAX_SAFE_INTEGER) {
    return z.string().transform((value, context) => {
        const number = Number(value);
        if (!/^-?\d{1,15}$/.test(value)) {
            context.addIssue(blame(`Invalid integer: ${value}`, 'parameter_invalid_integer'));
        } else if (number < lowest) {
            context.addIssue(
                blame(
                    `This value must be greater than or equal to ${lowest} (it currently is '${value}').`,
                    'parameter_invalid_integer'
                )
            );
        } else if (number > highest) {
            context.addIssue(
                blame(
                    `This value must be less than or equal to ${highest} (it currently is '${value}').`,
                    'parameter_invalid_integer'
                )
            );
        } else {
            return number;
        }
        return z.NEVER;
    });
}

/** `true` or `false`. */
export function flag() {
    return z.string().transform((value, context) => {
        if (value === 'true' || value === 'false') return value === 'true';
        context.addIssue(blame(`Invalid boolean: ${value}`));
        return z.NEVER;
    });
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
    return z.string().transform((value, context): Words[number] => {
        if (words.includes(value)) return value;
        context.addIssue(blame(`Invalid value: must be one of ${words.join(', ')}; it is '${value}'`));
        return z.NEVER;
    });
}

/** A web address a browser may be sent to, or a webhook delivered to. */
export function address() {
    return text().superRefine((value, context) => {
        const url = URL.canParse(value.replaceAll('{CHECKOUT_SESSION_ID}', 'id')) ? new URL(value) : null;
        if (value !== '' && !/^https?:$/.test(url?.protocol ?? '')) {
            context.addIssue(
                blame(
                    'Not a valid URL. URLs must begin with http:// or https://, or be otherwise valid.',
                    'url_invalid'
                )
            );
        }
    });
}

/** An e-mail address, as far as a form can tell. */
export function email() {
    return text(512).superRefine((value, context) => {
        if (value !== '' && !looksLikeEmail(value)) {
            context.addIssue(blame(`Invalid email address: ${value}`, 'email_invalid'));
        }
    });
}

/** True for something like `name@host.tld`. */
export function looksLikeEmail(value: string): boolean {
    return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value);
}

/** The three currencies the stand-in deals in; all have pennies. */
export function currency() {
    return z.string().transform((value, context) => {
        const code = value.toLowerCase();
        if (code in SMALLEST_CHARGE) return code;
        context.addIssue(
            blame(
                `Invalid currency: ${value}. This stand-in supports: ${Object.keys(SMALLEST_CHARGE).join(', ')}`
            )
        );
        return z.NEVER;
    });
}

/** The least that can be charged (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
export const SMALLEST_CHARGE: Readonly<Record<string, number>> = { gbp: 30, eur: 50, usd: 50 };
export const LARGEST_CHARGE = 99_999_999;

/** `a[0]`, `a[1]`: a list, in the order of its numbers. */
export function list<Item extends z.ZodType>(item: Item, atMost = 100) {
    return z.preprocess((value) => {
        if (typeof value !== 'object' || value === null) return value;
        const keys = Object.keys(value);
        if (!keys.every((key) => /^\d+$/.test(key))) return value;
        return keys.sort((a, b) => Number(a) - Number(b)).map((key) => (value as Form)[key]);
    }, z.array(item).max(atMost));
}

/** Up to 50 pairs; in an update an empty value takes the key away, and an empty whole takes all away. */
export function metadata() {
    const pairs = z.record(z.string().max(40), z.string().max(500)).superRefine((value, context) => {
        if (Object.keys(value).length > 50) {
            context.addIssue(
                blame('You can have at most 50 metadata keys.', 'parameter_invalid_string_too_long')
            );
        }
    });
    return z.union([z.literal('').transform(() => 'none' as const), pairs]);
}

/** What {@link metadata} parsed, laid over what was there. */
export function mergedMetadata(
    before: Record<string, string>,
    given: Record<string, string> | 'none' | undefined
): Record<string, string> {
    if (given === 'none') return {};
    const after = { ...before, ...given };
    return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== ''));
}

/** Parameters of one request; every one of Stripe's takes `expand` as well. */
export function parameters<Shape extends z.ZodRawShape>(shape: Shape) {
    return z.strictObject({ ...shape, expand: list(text(200), 20).optional() });
}

/** A nested group of parameters. */
export function group<Shape extends z.ZodRawShape>(shape: Shape) {
    return z.strictObject(shape);
}

/** What every list takes. */
export const paging = {
    limit: integer(1, 100).optional(),
    starting_after: text(200).optional(),
    ending_before: text(200).optional()
};

/** `created=…` or `created[gte]=…`. */
export function created() {
    const second = integer(0);
    return z
        .union([
            z.string().pipe(second.transform((at) => ({ gte: at, lte: at }))),
            z.strictObject({
                gt: second.optional(),
                gte: second.optional(),
                lt: second.optional(),
                lte: second.optional()
            })
        ])
        .optional();
}

/**
 * What a schema makes of a form.
 * @throws StripeFault 400: an unknown parameter first, then the first that is missing or wrong.
 */
export function parse<Schema extends z.ZodType>(schema: Schema, form: Form): z.output<Schema> {
    const result = schema.safeParse(form);
    if (result.success) return result.data;
    throw refusal(result.error.issues, form);
}

function refusal(issues: readonly z.core.$ZodIssue[], form: Form): StripeFault {
    const all = issues.flatMap(unfolded);
    const unknown = all.flatMap((issue) =>
        issue.code === 'unrecognized_keys' ? issue.keys.map((key) => nameOf([...issue.path, key])) : []
    );
    if (unknown.length > 0) return faults.unknownParameters(unknown);
    const [first] = all;
    if (!first) return faults.refused('Invalid request.');
    const name = nameOf(first.path);
    const given = valueAt(form, first.path);
    if (given === undefined) return faults.missingParameter(name);
    if (first.code === 'custom') {
        if (first.params?.empty) return faults.emptyParameter(name);
        const found = first.params?.blame as Blame | undefined;
        if (found) return faults.invalidParameter(name, found.message, found.code);
    }
    if (first.code === 'too_big') {
        return faults.invalidParameter(name, `Invalid ${name}: at most ${first.maximum} allowed.`);
    }
    const wanted = first.code === 'invalid_type' ? first.expected : 'value';
    return faults.invalidParameter(name, `Invalid ${wanted === 'record' ? 'object' : wanted}`);
}

/** A union reports all its branches; the one that got furthest is what the caller meant. */
function unfolded(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
    if (issue.code !== 'invalid_union') return [issue];
    const branches = issue.errors.filter((branch) => branch.length > 0);
    const meant =
        branches.find((branch) =>
            branch.every((inner) => inner.code !== 'invalid_type' || inner.path.length > 0)
        ) ?? branches.at(-1);
    return (meant ?? []).flatMap((inner) =>
        unfolded({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue)
    );
}

function nameOf(path: readonly PropertyKey[]): string {
    return path.map((segment, depth) => (depth === 0 ? String(segment) : `[${String(segment)}]`)).join('');
}

function valueAt(form: Form, path: readonly PropertyKey[]): unknown {
    return path.reduce<unknown>(
        (value, key) =>
            typeof value === 'object' && value !== null ? (value as Form)[String(key)] : undefined,
        form
    );
}
