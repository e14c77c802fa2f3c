import type { Attributes } from '@opentelemetry/api';
import type { ResourceEnvironment } from '../../config/resource-environment';
import { readText } from './read-text';

const NAMESPACE_FILE = 'var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * The pod that this process is in, as far as its manifest tells it by the downward API.
 *
 * `NODE_NAME` and `CONTAINER_NAME` are names that others use, too (Jenkins has a `NODE_NAME`), so they count in a pod only.
 */
export function detectKubernetes(env: ResourceEnvironment, root: string): Attributes {
  const namespace = env.K8S_NAMESPACE_NAME ?? env.K8S_NAMESPACE ?? env.K8S_POD_NAMESPACE ?? env.POD_NAMESPACE;
  const ofAccount = readText(root, NAMESPACE_FILE);
  const isPod = Boolean(env.KUBERNETES_SERVICE_HOST ?? env.POD_NAME ?? env.POD_UID ?? namespace ?? ofAccount);
  const inPod = (value: string | undefined) => (isPod && !env.JENKINS_URL ? value : undefined);
  return {
    'k8s.cluster.name': env.K8S_CLUSTER_NAME,
    'k8s.namespace.name': namespace ?? ofAccount,
    'k8s.node.name': env.K8S_NODE_NAME ?? inPod(env.NODE_NAME),
    'k8s.pod.name': env.K8S_POD_NAME ?? env.POD_NAME,
    'k8s.pod.uid': env.K8S_POD_UID ?? env.POD_UID,
    'k8s.container.name': env.K8S_CONTAINER_NAME ?? inPod(env.CONTAINER_NAME),
    'k8s.deployment.name': env.K8S_DEPLOYMENT_NAME,
  };
}
