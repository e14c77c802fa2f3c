/** Where spans go, fit to be shown: without user name, password and query. */
export function shownEndpoint(endpoint: string): string {
  try {
    const url = new URL(endpoint.includes('://') ? endpoint : `http://${endpoint}`);
    return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
  } catch {
    return 'an endpoint that is not a URL';
  }
}
