/** Version and commit of this build, stamped in by build.ts; running from source says so. */

declare const OPHID_BUILD_VERSION: string | undefined;
declare const OPHID_BUILD_COMMIT: string | undefined;

// `typeof` because the names do not exist at all when the source runs unbuilt.
export const version: string = typeof OPHID_BUILD_VERSION === "string" ? OPHID_BUILD_VERSION : "0.0.0-dev";

/** Short commit id, with "-dirty" if tracked files differed from it; "unknown" outside a git checkout. */
export const commit: string = typeof OPHID_BUILD_COMMIT === "string" ? OPHID_BUILD_COMMIT : "unknown";
