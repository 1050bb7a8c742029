import type { Build } from '$lib/promises/page.ts';
import type { Captcha } from '$lib/server/captcha.ts';
import type { Me } from '$lib/server/accounts.ts';
import type { Db } from '$lib/server/data.ts';
import type { GateTalk } from '$lib/server/gate.ts';
import type { RequestRecord } from '$lib/server/log.ts';
import type { Standing } from '$lib/server/session.ts';
import type { SupabaseClient } from '@supabase/supabase-js';
import type { IncomingMessage } from 'node:http';

declare global {
    /** The source that this build was made of; put in by vite.config.ts. */
    const __SOURCE__: Build;

    namespace App {
        interface Error {
            message: string;
            /** Stable code of the catalogue in lib/server/errors.ts. */
            code: string;
            /** Number that a person can quote and a log line carries. */
            requestId: string;
        }
        interface Locals {
            /** Chosen by this server, never taken from the caller. */
            requestId: string;
            /** What is learnt about the request on its way, for the log. */
            record: RequestRecord;
            /** Who is asking. */
            standing: Standing;
            /** Data API and functions as the person, or as nobody. */
            db: Db;
            /** For signing in and out only. */
            auth: SupabaseClient['auth'];
            /** Calls to the project, signed as this request's; sign-in calls go by auth-gate. */
            upstream: typeof fetch;
            /** What auth-gate said beside that. */
            gate: GateTalk;
            /** Does this page show the captcha, so that its policy must let it in? */
            showsCaptcha?: boolean;
            /** The person's businesses and permissions; asked once a request. */
            me(): Promise<Me>;
            /** The same for whoever is about to do something, in the business that they name: counted by the limits. */
            enter(account: unknown): Promise<Me>;
            /** What the limits said of this request, as headers. */
            limits: Readonly<Record<string, string>>;
        }
        interface PageData {
            /** The captcha of a page that shows one; its layout loads the script. */
            captcha?: Captcha | null;
        }
        interface Platform {
            req: IncomingMessage;
        }
        namespace Superforms {
            type Message = { code: string; text: string; requestId?: string };
        }
    }
}

export {};
