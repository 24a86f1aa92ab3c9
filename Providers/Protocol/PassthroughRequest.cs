using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>
/// A request in the provider's own protocol, sent and answered as it is: unknown members, several answers, log probabilities, audio. The
/// reply's frames come as <see cref="ChatDelta.Frame"/> beside the deltas read from them.
/// </summary>
/// <param name="Messages">Sent instead of the request's system prompt and turns, which are then used only for estimates.</param>
/// <param name="Choices">Answers asked for; the reply is over when each has ended.</param>
/// <param name="Whole">Requested without a stream, because some content is not available in pieces.</param>
internal sealed record PassthroughRequest(IReadOnlyList<PassthroughMessage> Messages, int Choices, bool Whole);

/// <param name="Json">Belongs to the client's request and is valid as long as that.</param>
/// <param name="State">As <see cref="ChatTurn.State"/>.</param>
internal sealed record PassthroughMessage(JsonElement Json, string? State);
