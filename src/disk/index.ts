export {
  type BoundedFolder,
  type BoundedFolderOptions,
  type FolderEntry,
  openBoundedFolder,
} from './bounded-folder.ts';
