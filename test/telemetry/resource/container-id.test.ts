import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findContainerId } from '../../../src/telemetry/resource/container-id';
import { rootWith } from './roots';

const OUTER = '89acd62d1b2faf5f1475e6bcc45e1e8cb3efd0f9db3c10e7c0b1e1c4d5a49d37';
const ID = 'dc64b5743252dbaef6e30521c34d6bbd1620c8ce65bdb7bf9e7143b61bb5b183';
const SANDBOX = 'fb5916a02feca96bdeecd8e062df9e5e51d6617c8214b5e1f3ff9320f4402ae6';
const POD = '72f9a42e-50d3-47ee-8ec7-0bccfb6ea7ae';
const POD_UNIT = `kubepods-burstable-pod${POD.replaceAll('-', '_')}.slice`;

function idFrom(files: { cgroup?: string; mountinfo?: string }): string | undefined {
  return findContainerId(
    rootWith(Object.fromEntries(Object.entries(files).map(([name, text]) => [`proc/self/${name}`, text]))),
  );
}

const V1 = (path: string) => `12:pids:${path}\n11:cpu,cpuacct:${path}\n1:name=systemd:${path}\n0::/\n`;

describe('control groups', () => {
  test.each([
    ['Docker', V1(`/docker/${ID}`)],
    ['Docker with systemd', V1(`/system.slice/docker-${ID}.scope`)],
    ['Docker in Docker', V1(`/docker/${OUTER}/docker/${ID}`)],
    ['Kubernetes with Docker', V1(`/kubepods/besteffort/pod${POD}/${ID}`)],
    ['Kubernetes with containerd and systemd', V1(`/kubepods.slice/${POD_UNIT}/cri-containerd-${ID}.scope`)],
    ['containerd, older', V1(`/system.slice/containerd.service/${POD_UNIT}:cri-containerd:${ID}`)],
    ['Kubernetes with CRI-O', V1(`/kubepods.slice/kubepods-burstable.slice/${POD_UNIT}/crio-${ID}.scope`)],
    ['kind', V1(`/docker/${OUTER}/kubelet/kubepods/burstable/pod${POD}/${ID}`)],
    ['Podman', V1(`/machine.slice/libpod-${ID}.scope`)],
    ['ECS', V1(`/ecs/55091c13-b8cf-4801-b527-f4601742204d/${ID}`)],
    ['version 2 in the namespace of the host', `0::/kubepods.slice/${POD_UNIT}/cri-containerd-${ID}.scope\n`],
    [
      'Podman, version 2, with a payload group',
      `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container\n`,
    ],
  ])('%s', (_runtime, cgroup) => {
    expect(idFrom({ cgroup })).toBe(ID);
  });

  test('Fargate, whose ids are a task and a number', () => {
    const id = '34dc0b5e626f2c5c4c5170e34b10e765-1234567890';
    expect(idFrom({ cgroup: V1(`/ecs/34dc0b5e626f2c5c4c5170e34b10e765/${id}`) })).toBe(id);
  });

  test.each([
    ['a session on a host', '0::/user.slice/user-1000.slice/session-2.scope\n'],
    ['a service on a host', V1('/system.slice/ssh.service')],
    ['an id that is none', V1(`/docker/${ID.slice(1)}`)],
    ['an id with more in it', V1(`/docker/${ID}0`)],
    ['a pod without its container', V1(`/kubepods/besteffort/pod${POD}`)],
    ['nothing', ''],
    ['nonsense', `::::\n/\n${'x'.repeat(100_000)}`],
  ])('%s is no container', (_case, cgroup) => {
    expect(idFrom({ cgroup })).toBeUndefined();
  });
});

describe('mounts, where version 2 hides the path of the group', () => {
  const cgroup = '0::/\n';
  const overlay = `600 580 0:50 / / rw,relatime master:247 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/${OUTER}/fs:/x\n601 600 0:53 / /proc rw,nosuid - proc proc rw\n`;
  const OPTIONS = 'rw,relatime - ext4 /dev/vda1 rw';
  const docker = (id: string, at = '/var/lib/docker') =>
    ['resolv.conf', 'hostname', 'hosts']
      .map((file, index) => `61${index} 600 254:1 ${at}/containers/${id}/${file} /etc/${file} ${OPTIONS}\n`)
      .join('');
  const kubelet = `620 600 8:1 /var/lib/kubelet/pods/${POD}/etc-hosts /etc/hosts ${OPTIONS}\n621 601 8:1 /var/lib/kubelet/pods/${POD}/containers/app/3f6a1f6c /dev/termination-log ${OPTIONS}\n`;
  const overlayContainer = (id: string, file: string, place: string) =>
    `964 975 0:47 /containers/storage/overlay-containers/${id}/userdata/${file} ${place} rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=6257324k,mode=700\n`;

  test.each([
    ['Docker', docker(ID)],
    ['Docker Desktop', docker(ID, '/docker')],
    ['Docker without root', docker(ID, '/home/ops/.local/share/docker')],
    ['minikube on Docker', docker(ID, '/docker/volumes/minikube/_data/lib/docker')],
    ['Podman', overlayContainer(ID, 'hostname', '/etc/hostname')],
    ['Podman in the network of the host', overlayContainer(ID, '.containerenv', '/run/.containerenv')],
    [
      'Podman in the network of another container',
      overlayContainer(OUTER, 'hostname', '/etc/hostname') +
        overlayContainer(ID, '.containerenv', '/run/.containerenv'),
    ],
    [
      'CRI-O in a pod',
      kubelet +
        overlayContainer(SANDBOX, 'hostname', '/etc/hostname') +
        overlayContainer(ID, 'run/secrets', '/run/secrets'),
    ],
    [
      'Kubernetes with version 1 in a namespace',
      `${kubelet}1359 1358 0:22 /kubepods/besteffort/pod${POD}/${ID} /sys/fs/cgroup/systemd ro,nosuid master:8 - cgroup cgroup rw,xattr,name=systemd\n`,
    ],
  ])('%s', (_runtime, mounts) => {
    expect(idFrom({ cgroup, mountinfo: overlay + mounts })).toBe(ID);
  });

  test.each([
    [
      "a pod's sandbox of containerd, which is another container",
      `${kubelet}1537 1517 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/${SANDBOX}/hostname /etc/hostname ${OPTIONS}\n`,
    ],
    ["a pod's sandbox of Docker, which is another container", kubelet + docker(SANDBOX)],
    [
      "a pod's sandbox of CRI-O, which is another container",
      kubelet + overlayContainer(SANDBOX, 'hostname', '/etc/hostname'),
    ],
    [
      'a folder of Docker that somebody has mounted',
      `700 613 254:1 /var/lib/docker/containers/${OUTER}/logs /logs ${OPTIONS}\n`,
    ],
    [
      'the shared memory of others, as a host sees it',
      `500 29 0:70 / /var/lib/docker/containers/${OUTER}/mounts/shm rw - tmpfs shm rw\n`,
    ],
    ['nothing', ''],
    ['nonsense', 'a b\n\n   \n1'],
  ])('%s says nothing', (_case, mounts) => {
    expect(idFrom({ cgroup, mountinfo: overlay + mounts })).toBeUndefined();
  });
});

test('where the files are not there, or are not files, there is no id', () => {
  expect(idFrom({})).toBeUndefined();
  const root = rootWith({});
  mkdirSync(join(root, 'proc/self/cgroup'), { recursive: true });
  expect(findContainerId(root)).toBeUndefined();
});
