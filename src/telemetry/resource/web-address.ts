/**
 * An address that may be shown: no user, no password, no query. Undefined where it is none.
 */
export function webAddress(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol, host, pathname } = new URL(text);
  return protocol === 'https:' || protocol === 'http:' ? `${protocol}//${host}${pathname}` : undefined;
}

/** `git@github.com:org/repo.git`, which is no URL. */
const SCP_LIKE = /^(?:[^@:/\s]+@)?([^@:/\s]+\.[^@:/\s]+):(?!\/\/)\/?(\S+)$/;

/** The address of a repository in a browser, from whatever Git fetches it by. Undefined where there is none. */
export function repositoryAddress(text: string | undefined): string | undefined {
  const [, scpHost, scpPath] = SCP_LIKE.exec(text ?? '') ?? [];
  const address = scpHost ? `https://${scpHost}/${scpPath}` : overSsh(text);
  return webAddress(address)
    ?.replace(/\/+$/, '')
    .replace(/\.git$/, '');
}

/** The port of an `ssh:` address is none that a browser could use. */
function overSsh(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol, hostname, pathname } = new URL(text);
  return protocol === 'ssh:' || protocol === 'git+ssh:' ? `https://${hostname}${pathname}` : text;
}
