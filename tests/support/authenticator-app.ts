// An authenticator app, as far as a test needs one: the code that it shows for a secret at a moment.
import { Secret, TOTP } from 'otpauth';

const STEP_MS = 30_000;

/** The six digits shown at a moment, or some steps of thirty seconds from it. */
export function codeShown(secret: string, at: Date = new Date(), steps = 0): string {
    return TOTP.generate({
        secret: Secret.fromBase32(secret),
        algorithm: 'SHA1',
        digits: 6,
        period: STEP_MS / 1000,
        timestamp: at.getTime() + steps * STEP_MS
    });
}

/** Six digits that are not shown around now. */
export function wrongCode(secret: string): string {
    const shown = [-2, -1, 0, 1, 2, 3].map((steps) => codeShown(secret, new Date(), steps));
    for (let candidate = 0; ; candidate += 1) {
        const digits = String(candidate).padStart(6, '0');
        if (!shown.includes(digits)) return digits;
    }
}
