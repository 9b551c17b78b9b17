export { SettingsError } from './fields.ts';
export { NO_SETTINGS, parseSettings, type Settings } from './settings.ts';
export { WatchedFile, type WatchedFileOptions } from './watched-file.ts';
