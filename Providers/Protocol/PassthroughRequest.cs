using System.Text.Json;

namespace AiChat.Providers.Protocol;

/// <summary>
/// What a client wrote in the provider's own protocol and wants sent and told as it is: members we know nothing of, several answers,
/// probabilities, sounds. The reply's frames come as <see cref="ChatDelta.Frame"/> beside what we read in them.
/// </summary>
/// <param name="Messages">Sent instead of the request's system prompt and turns, which then only serve to estimate.</param>
/// <param name="Choices">Answers asked for; the reply is over when each has ended.</param>
/// <param name="Whole">Asked without a stream: some things are not given in pieces.</param>
internal sealed record PassthroughRequest(IReadOnlyList<PassthroughMessage> Messages, int Choices, bool Whole);

/// <param name="Json">Belongs to the client's request and lives as long.</param>
/// <param name="State">As <see cref="ChatTurn.State"/>.</param>
internal sealed record PassthroughMessage(JsonElement Json, string? State);
