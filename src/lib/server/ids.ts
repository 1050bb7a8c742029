/**
 * Ids, branded so that a customer's cannot be handed over as a job's. Parsed wherever one comes in from
 * outside: a path, a form, an answer.
 */
import { z } from 'zod';

export const AccountId = z.uuid().brand('AccountId');
export const UserId = z.uuid().brand('UserId');
export const CustomerId = z.uuid().brand('CustomerId');
export const SiteId = z.uuid().brand('SiteId');
export const JobId = z.uuid().brand('JobId');
export const DocumentId = z.uuid().brand('DocumentId');
export const InvoiceId = z.uuid().brand('InvoiceId');
export const PaymentId = z.uuid().brand('PaymentId');
export const MemberId = z.uuid().brand('MemberId');
export const RoleId = z.uuid().brand('RoleId');
export const InvitationId = z.uuid().brand('InvitationId');
export const DomainId = z.uuid().brand('DomainId');
export const JoinRequestId = z.uuid().brand('JoinRequestId');

export type AccountId = z.infer<typeof AccountId>;
export type UserId = z.infer<typeof UserId>;
export type CustomerId = z.infer<typeof CustomerId>;
export type SiteId = z.infer<typeof SiteId>;
export type JobId = z.infer<typeof JobId>;
export type DocumentId = z.infer<typeof DocumentId>;
export type InvoiceId = z.infer<typeof InvoiceId>;
export type PaymentId = z.infer<typeof PaymentId>;
export type MemberId = z.infer<typeof MemberId>;
export type RoleId = z.infer<typeof RoleId>;
export type InvitationId = z.infer<typeof InvitationId>;
export type DomainId = z.infer<typeof DomainId>;
export type JoinRequestId = z.infer<typeof JoinRequestId>;

/** Made by a page's load and carried by its form, so that sending the form twice acts once. */
export const IdempotencyKey = z.uuid();
