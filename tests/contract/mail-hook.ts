// The receiving end of the auth server's send-email hook: keeps each mail whose signature verifies, and answers as told.
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';

const Mail = z.looseObject({
    metadata: z.looseObject({ name: z.string(), ip_address: z.string().optional() }),
    user: z.looseObject({ id: z.string(), email: z.string(), new_email: z.string().optional() }),
    email_data: z.looseObject({
        token: z.string(),
        token_hash: z.string(),
        token_new: z.string(),
        token_hash_new: z.string(),
        redirect_to: z.string(),
        email_action_type: z.string(),
        site_url: z.string()
    })
});

export type Mail = z.output<typeof Mail>;
export type Answer = { status: number; headers?: Record<string, string>; body?: string };

export type MailHook = {
    uri: string;
    /** Two secrets, as while one is rotated: every signature must verify by either. */
    secrets: string;
    mails: Mail[];
    /** The newest mail about somebody; throws when there is none. */
    mailTo(address: string): Mail;
    /** What the next call is told; the default is an empty success. */
    answerNext(...answers: Answer[]): void;
    /** Stops listening, as if the hook's host were down. */
    hangUp(): Promise<void>;
    comeBack(): Promise<void>;
};

const SECRETS = [
    'b2xkLXNlY3JldC1vZi10aGUtbWFpbC1ob29rLTAwMDE=',
    'bmV3LXNlY3JldC1vZi10aGUtbWFpbC1ob29rLTAwMDI='
];
const SUCCESS: Answer = { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };

export async function startMailHook(): Promise<MailHook> {
    const mails: Mail[] = [];
    const planned: Answer[] = [];
    const server: Server = createServer(async (request, response) => {
        const body = await text(request);
        const header = (name: string) => String(request.headers[name] ?? '');
        for (const secret of SECRETS) {
            new Webhook(secret).verify(body, {
                'webhook-id': header('webhook-id'),
                'webhook-timestamp': header('webhook-timestamp'),
                // The hook joins signatures by ", "; the library wants blanks alone.
                'webhook-signature': header('webhook-signature').replaceAll(', ', ' ')
            });
        }
        const answer = planned.shift() ?? SUCCESS;
        if (answer.status < 300) mails.push(Mail.parse(JSON.parse(body)));
        response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    const listen = (port: number) =>
        new Promise<number>((resolve) => {
            server.listen(port, '127.0.0.1', () => {
                const address = server.address();
                resolve(typeof address === 'object' && address ? address.port : 0);
            });
        });
    const port = await listen(0);
    return {
        uri: `http://127.0.0.1:${port}/hook`,
        secrets: SECRETS.map((secret) => `v1,whsec_${secret}`).join('|'),
        mails,
        mailTo(address) {
            const mail = mails.findLast(({ user }) => user.email === address);
            if (!mail) throw new Error(`No mail about ${address} has come.`);
            return mail;
        },
        answerNext: (...answers) => void planned.push(...answers),
        hangUp: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            }),
        comeBack: async () => void (await listen(port))
    };
}
