/** Time-based one-time codes (RFC 6238) as authenticator apps make them: SHA-1, thirty seconds, six digits. */
import { encodeQR } from 'qr';
import { Secret, TOTP } from 'otpauth';

const DIGITS = 6;
const PERIOD_SECONDS = 30;
const SECRET_BYTES = 20;
/** A clock may be a step early or late. */
const WINDOW = 1;

export type TotpSecret = { secret: string; uri: string; qrCode: string };

/** A fresh secret, and the two forms in which an app takes it over. */
export function newTotp(issuer: string, account: string): TotpSecret {
    const totp = new TOTP({
        issuer,
        label: account,
        algorithm: 'SHA1',
        digits: DIGITS,
        period: PERIOD_SECONDS,
        secret: new Secret({ size: SECRET_BYTES })
    });
    const uri = totp.toString();
    return { secret: totp.secret.base32, uri, qrCode: encodeQR(uri, 'svg', { ecc: 'high', scale: 3 }) };
}

/**
 * Whether the code is the secret's at this moment, give or take a step. It may be so more than once: like the
 * published server this one remembers no code, only which challenge has been answered.
 */
export function isTotpCode(secret: string, code: string, now: Date): boolean {
    if (!/^\d{6}$/.test(code.trim())) return false;
    const step = TOTP.validate({
        token: code.trim(),
        secret: Secret.fromBase32(secret),
        algorithm: 'SHA1',
        digits: DIGITS,
        period: PERIOD_SECONDS,
        timestamp: now.getTime(),
        window: WINDOW
    });
    return step !== null;
}
