// The design language. Components take data and callbacks and never fetch; each stands in its own folder.
// Looks come from tokens.css alone; /design shows every one in every state while developing.
export * from './ActionBar/index.ts';
export * from './AppFrame/index.ts';
export * from './Button/index.ts';
export * from './Choice/index.ts';
export * from './CopyButton/index.ts';
export * from './CustomerPicker/index.ts';
export * from './Docket/index.ts';
export * from './EmptyState/index.ts';
export * from './Field/index.ts';
export * from './Form/index.ts';
export * from './FormSummary/index.ts';
export * from './LifecycleStrip/index.ts';
export * from './List/index.ts';
export * from './Money/index.ts';
export * from './Notice/index.ts';
export * from './PageHeader/index.ts';
export * from './PlainFrame/index.ts';
export * from './Problem/index.ts';
export * from './Photos/index.ts';
export * from './Record/index.ts';
export * from './Stamp/index.ts';
export * from './StandInNotice/index.ts';
export * from './Trail/index.ts';
