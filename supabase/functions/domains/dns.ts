/**
 * What stands in the DNS, asked of a resolver over HTTPS in the JSON form that the large public ones speak
 * (developers.google.com/speed/public-dns/docs/doh/json, developers.cloudflare.com/1.1.1.1/encryption/dns-over-https).
 * No I/O here.
 */
const TXT = 16;
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;

/** Address of the question for the TXT records of a name. */
export function txtQuestion(resolver: string, name: string): URL {
    const question = new URL(resolver);
    question.searchParams.set('name', name);
    question.searchParams.set('type', 'TXT');
    return question;
}

/**
 * The texts of an answer, the strings of each joined; none when there is no such name. Null when the resolver could not tell:
 * its failure says nothing of the domain.
 */
export function textsOf(body: unknown): string[] | null {
    if (typeof body !== 'object' || body === null) {
        return null;
    }
    const { Status: status, Answer: records = [] } = body as Record<string, unknown>;
    if ((status !== NO_ERROR && status !== NO_SUCH_NAME) || !Array.isArray(records)) {
        return null;
    }
    const texts = records
        .filter((record: unknown) => fieldOf(record, 'type') === TXT)
        .map((record: unknown) => fieldOf(record, 'data'));
    return texts.every((text) => typeof text === 'string') ? texts.map(unquoted) : null;
}

const fieldOf = (record: unknown, name: string): unknown =>
    typeof record === 'object' && record !== null ? (record as Record<string, unknown>)[name] : undefined;

/** A record's strings in presentation form (RFC 1035, 5.1); some resolvers leave the quotes of a single one out. */
function unquoted(data: string): string {
    const strings = data.match(/"(?:[^"\\]|\\.)*"/gs);
    if (strings === null) return data;
    return strings.map((string) => string.slice(1, -1).replace(/\\(.)/gs, '$1')).join('');
}
