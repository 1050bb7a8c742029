// Messages that were accepted, on disk. What has been acknowledged survives a kill: every write is one transaction,
// flushed before it returns.
import { createHash, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { bareAddress, type Email } from './email.ts';
import type { MailErrorName } from './errors.ts';

/** What has become of a message, by the provider's test addresses: real ones cannot be reached from here. */
export type LastEvent = 'delivered' | 'bounced' | 'complained' | 'suppressed';

export type StoredAttachment = {
    filename: string;
    content_type: string;
    content_id: string | null;
    size: number;
};
export type Message = Omit<Email, 'attachments'> & {
    seq: number;
    id: string;
    created_at: string;
    last_event: LastEvent;
    attachments: StoredAttachment[];
};
export type Filter = {
    to?: string;
    subject?: string;
    before?: number;
    after?: number;
    limit: number;
    oldestFirst?: boolean;
};
/** A failure that a test has ordered for the next sends; `accept` takes the message before failing. */
export type Failure = { status: number; name: MailErrorName | null; message: string | null; accept: boolean };

export type MailStore = ReturnType<typeof mailStore>;

const schema = `
    create table if not exists message (
        seq integer primary key autoincrement,
        id text not null unique,
        created_at text not null,
        subject text not null,
        last_event text not null,
        envelope text not null
    ) strict;
    create table if not exists recipient (
        seq integer not null references message on delete cascade,
        address text not null
    ) strict;
    create index if not exists recipient_by_message on recipient (seq);
    create table if not exists attachment (
        seq integer not null references message on delete cascade,
        position integer not null,
        description text not null,
        content blob not null,
        primary key (seq, position)
    ) strict;
    create table if not exists idempotency (
        key text primary key,
        payload_sha256 text not null,
        response text not null,
        created_at text not null
    ) strict;
    create table if not exists failure (
        position integer primary key,
        times integer not null,
        failure text not null
    ) strict;
`;

/** Opens the messages kept in a file, which is made when missing. */
export function mailStore(file: string, clock: { now(): Date }) {
    const db = new DatabaseSync(file);
    db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;');
    db.exec(schema);

    function transaction<T>(work: () => T): T {
        db.exec('begin immediate');
        try {
            const result = work();
            db.exec('commit');
            return result;
        } catch (error) {
            db.exec('rollback');
            throw error;
        }
    }

    const insertMessage = db.prepare(
        'insert into message (id, created_at, subject, last_event, envelope) values (?, ?, ?, ?, ?)'
    );
    const insertRecipient = db.prepare('insert into recipient (seq, address) values (?, ?)');
    const insertAttachment = db.prepare(
        'insert into attachment (seq, position, description, content) values (?, ?, ?, ?)'
    );
    const selectAttachments = db.prepare(
        'select description from attachment where seq = ? order by position'
    );
    const selectOne = db.prepare('select * from message where id = ?');

    function hydrate(row: Record<string, unknown>): Message {
        const seq = Number(row.seq);
        return {
            ...(JSON.parse(String(row.envelope)) as Omit<Email, 'attachments'>),
            seq,
            id: String(row.id),
            created_at: String(row.created_at),
            last_event: row.last_event as LastEvent,
            attachments: selectAttachments
                .all(seq)
                .map((attachment) => JSON.parse(String(attachment.description)) as StoredAttachment)
        };
    }

    function insert(email: Email): string {
        const { attachments, ...envelope } = email;
        const id = randomUUID();
        const { lastInsertRowid: seq } = insertMessage.run(
            id,
            clock.now().toISOString(),
            email.subject,
            eventFor(email),
            JSON.stringify(envelope)
        );
        for (const recipient of [...email.to, ...email.cc, ...email.bcc]) {
            insertRecipient.run(seq, bareAddress(recipient) ?? recipient);
        }
        attachments.forEach(({ content, ...attachment }, position) => {
            const description = { ...attachment, size: content.length };
            insertAttachment.run(seq, position, JSON.stringify(description), content);
        });
        return id;
    }

    return {
        /** Keeps messages, all or none, and answers with their ids. With a key, the answer is kept beside them. */
        accept<T>(
            emails: readonly Email[],
            respond: (ids: string[]) => T,
            key?: { name: string; payload: string }
        ): T {
            return transaction(() => {
                const response = respond(emails.map(insert));
                if (key) {
                    db.prepare(
                        'insert or replace into idempotency (key, payload_sha256, response, created_at) values (?, ?, ?, ?)'
                    ).run(key.name, sha256(key.payload), JSON.stringify(response), clock.now().toISOString());
                }
                return response;
            });
        },

        /** What a key answered in the last 24 hours, and whether this is the same request. */
        replay(key: string, payload: string): { same: boolean; response: unknown } | undefined {
            const since = new Date(clock.now().getTime() - 24 * 60 * 60 * 1000).toISOString();
            const row = db
                .prepare('select * from idempotency where key = ? and created_at > ?')
                .get(key, since);
            if (!row) return undefined;
            return {
                same: row.payload_sha256 === sha256(payload),
                response: JSON.parse(String(row.response))
            };
        },

        message(id: string): Message | undefined {
            const row = selectOne.get(id);
            return row && hydrate(row);
        },

        /** Messages to an address (exact, in any case) whose subject holds a text, newest first unless asked. */
        messages({ to, subject, before, after, limit, oldestFirst }: Filter): Message[] {
            const rows = db
                .prepare(
                    `select * from message
                    where (?1 is null or exists (
                        select 1 from recipient where recipient.seq = message.seq and address = ?1
                    ))
                        and (?2 is null or instr(lower(subject), lower(?2)) > 0)
                        and (?3 is null or seq < ?3)
                        and (?4 is null or seq > ?4)
                    order by seq ${oldestFirst ? 'asc' : 'desc'}
                    limit ?5`
                )
                .all(to?.toLowerCase() ?? null, subject ?? null, before ?? null, after ?? null, limit);
            return rows.map(hydrate);
        },

        /** The place in the sequence that an id or a time stands for: messages after it have a higher one. */
        position(idOrTime: string): number | undefined {
            const byId = selectOne.get(idOrTime);
            if (byId) return Number(byId.seq);
            const time = new Date(idOrTime);
            if (Number.isNaN(time.getTime())) return undefined;
            const row = db
                .prepare('select coalesce(max(seq), 0) as seq from message where created_at <= ?')
                .get(time.toISOString());
            return Number(row?.seq);
        },

        attachment(id: string, position: number): (StoredAttachment & { content: Uint8Array }) | undefined {
            const row = db
                .prepare(
                    `select description, content
                    from attachment join message using (seq)
                    where message.id = ? and position = ?`
                )
                .get(id, position);
            if (!row) return undefined;
            return {
                ...(JSON.parse(String(row.description)) as StoredAttachment),
                content: row.content as Uint8Array
            };
        },

        /** Removes every message; keys stay, since the provider would not forget them either. */
        clear(): void {
            transaction(() => db.exec('delete from message'));
        },

        /** Orders a failure for the next `times` sends. Zero times takes back what was ordered. */
        orderFailure(failure: Failure, times: number): void {
            transaction(() => {
                if (times === 0) db.exec('delete from failure');
                else
                    db.prepare('insert into failure (times, failure) values (?, ?)').run(
                        times,
                        JSON.stringify(failure)
                    );
            });
        },

        /** The failure that this send is to meet, counted off; undefined when none is ordered. */
        takeFailure(): Failure | undefined {
            return transaction(() => {
                const row = db.prepare('select * from failure order by position limit 1').get();
                if (!row) return undefined;
                db.prepare('update failure set times = times - 1 where position = ?').run(
                    row.position as number
                );
                db.exec('delete from failure where times <= 0');
                return JSON.parse(String(row.failure)) as Failure;
            });
        },

        close: () => db.close()
    };
}

/** The provider's documented test addresses decide; "bounced+anything@resend.dev" counts as well. */
function eventFor(email: Email): LastEvent {
    for (const recipient of [...email.to, ...email.cc, ...email.bcc]) {
        const match = /^(bounced|complained|suppressed)(\+[^@]*)?@resend\.dev$/.exec(
            bareAddress(recipient) ?? ''
        );
        if (match) return match[1] as LastEvent;
    }
    return 'delivered';
}

function sha256(text: string): string {
    return createHash('sha256').update(text).digest('hex');
}
