// Dates as the UK reads them. A date is an ISO day (`2026-11-22`); an instant is an ISO timestamp. The day of an instant
// is the day in London, wherever the server stands.

const ZONE = 'Europe/London';
const day = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC'
});
const weekday = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC'
});
const moment = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZone: ZONE
});
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: ZONE });
const isoDay = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    timeZone: ZONE
});

/** `22 Nov 2026`. */
export function formatDay(on: string): string {
    return day.format(new Date(`${on}T00:00:00Z`));
}

/** `Sun 22 Nov`, for days near today. */
export function formatWeekday(on: string): string {
    return weekday.format(new Date(`${on}T00:00:00Z`));
}

/** `22 Nov, 14:05` in London. */
export function formatMoment(at: string): string {
    return moment.format(new Date(at));
}

/** `14:05` in London. */
export function formatTime(at: string): string {
    return time.format(new Date(at));
}

/** The day in London of an instant. */
export function dayOf(at: Date): string {
    return isoDay.format(at);
}

export function addDays(on: string, days: number): string {
    const date = new Date(`${on}T00:00:00Z`);
    date.setUTCDate(date.getUTCDate() + days);
    return date.toISOString().slice(0, 10);
}

/** Whole days from one day to another; negative when `to` is earlier. */
export function daysBetween(from: string, to: string): number {
    return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}
