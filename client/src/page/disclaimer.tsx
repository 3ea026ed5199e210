/** The reminder that a model can be wrong. */
export function Disclaimer() {
  return <p className="disclaimer">A model may say anything. Check what matters.</p>;
}
