/** The areas of promises, in the words of somebody who doesn't build software. */
import type { Area } from './types.ts';

export type AreaWords = { area: Area; title: string; about: string };

export const areas: readonly AreaWords[] = [
    {
        area: 'ISO',
        title: 'Keeping businesses apart',
        about: 'Your rows are yours. The database itself says so, whatever the app asks for.'
    },
    {
        area: 'ACC',
        title: 'Who may do what',
        about: 'Inside a business, everybody sees and does what their role allows and nothing more.'
    },
    { area: 'AUTH', title: 'Signing in', about: 'How we know that it is you, and how you end it.' },
    {
        area: 'RATE',
        title: 'Holding off abuse',
        about: 'What guessing, flooding and stuffing of stolen passwords meet.'
    },
    { area: 'FILE', title: 'Photos and documents', about: 'Where your files lie and who can open them.' },
    { area: 'PAY', title: 'Money', about: 'Cards, invoices and pennies.' },
    {
        area: 'HOOK',
        title: 'News from Stripe',
        about: 'What Stripe tells us arrives, counts once, and can’t be faked.'
    },
    {
        area: 'ADM',
        title: 'What we ourselves can do',
        about: 'The people who run TradersFlow, and their limits.'
    },
    {
        area: 'AUD',
        title: 'The record of what happened',
        about: 'Who did what and when, kept so that nobody can quietly change it, us included.'
    },
    { area: 'MAIL', title: 'E-mail', about: 'What we send, and what became of it.' },
    { area: 'API', title: 'Programs that act for you', about: 'Keys, outgoing webhooks and agents.' },
    {
        area: 'PART',
        title: 'Partners and private links',
        about: 'What people outside your business can see.'
    },
    { area: 'DATA', title: 'Your right to your data', about: 'Taking it with you, and having it deleted.' },
    { area: 'APP', title: 'The app itself', about: 'How the pages, the code and its parts are kept safe.' },
    {
        area: 'HOST',
        title: 'The ground it stands on',
        about: 'What the hosting keeps for us: settings at named providers, not code of ours.'
    },
    {
        area: 'OPS',
        title: 'Running it',
        about: 'Watching, backing up, and telling you when something is wrong.'
    }
];
