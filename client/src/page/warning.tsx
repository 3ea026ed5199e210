/** What one should know of every model. */
export function Warning() {
  return <p className="warning">A model may say anything. Check what matters.</p>;
}
