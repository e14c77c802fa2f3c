import { readText } from './read-text';

/** Of Docker, containerd, CRI-O and Podman; and of Fargate, whose ids are a task and a number. */
const CONTAINER = /(?:^|[-:])([0-9a-f]{64}|[0-9a-f]{32}-\d{8,})(?:\.scope)?$/;
/** A container's folder at Docker, Podman or CRI-O. containerd's `sandboxes` are not containers. */
const FOLDER = /\/(?:overlay-)?containers\/([0-9a-f]{64})\//;
/** A volume of a pod at its kubelet. */
const POD = /\/pods\/[0-9a-f]{8}-[0-9a-f-]{27}\//;

/** What Podman and CRI-O mount from the folder of the container itself. */
const OF_CONTAINER = ['/run/.containerenv', '/run/secrets'];
/** What Docker and Podman mount from the folder of the container whose network it has. */
const OF_NETWORK = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];

/**
 * The id of the container that this process is in, or undefined.
 *
 * The kernel tells it by the path of the control group: always in version 1, and in version 2 where the group's namespace is the
 * host's. Elsewhere the runtime's mounts give it away.
 */
export function findContainerId(root: string): string | undefined {
  return idOfGroups(readText(root, 'proc/self/cgroup')) ?? idOfMounts(readText(root, 'proc/self/mountinfo'));
}

/** Each line: `hierarchy:controllers:path`. */
function idOfGroups(text = ''): string | undefined {
  return first(text.split('\n'), (line) => idOfGroup(line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1)));
}

/** The innermost of several: a container may hold containers. */
function idOfGroup(path: string): string | undefined {
  return first(path.split('/').reverse(), (name) => CONTAINER.exec(name)?.[1]);
}

/** Each line: `id parent device root mount-point options …`, the root being a path at the host. */
function idOfMounts(text = ''): string | undefined {
  const mounts = text.split('\n').map((line) => {
    const [, , , root = '', place = ''] = line.split(' ');
    return { root, place };
  });
  const folderOf = (places: readonly string[]) =>
    first(mounts, ({ root, place }) => (places.includes(place) ? FOLDER.exec(root)?.[1] : undefined));
  return (
    first(mounts, ({ root, place }) => (place.startsWith('/sys/fs/cgroup') ? idOfGroup(root) : undefined)) ??
    folderOf(OF_CONTAINER) ??
    // In a pod, the network belongs to another container, which does nothing else.
    (mounts.some(({ root }) => POD.test(root)) ? undefined : folderOf(OF_NETWORK))
  );
}

function first<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
