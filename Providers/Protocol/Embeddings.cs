using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Sends embedding calls and reads their vectors from the bytes: a parsed document of numbers takes many times the memory of its text.
/// </summary>
internal static class Embeddings
{
    // 2,048 vectors of 3,072 numbers, written out.
    private const int MaxBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of a vector of 8,192 numbers, each on its own line. It bounds a reply by the number of vectors asked for.</summary>
    private const int MaxBytesOfVector = 512 * 1024;

    /// <param name="vector">The member whose lists of numbers are the vectors, at any depth.</param>
    /// <param name="tokens">The member with the token count of the texts; null when there is none.</param>
    public static async Task<EmbeddingReply> SendAsync(
        ProviderHttp http, EmbeddingRequest request, ProviderCall call, string vector, string? tokens, CancellationToken cancel)
    {
        var max = (int)Math.Min(MaxBytes, (request.Count + 1L) * MaxBytesOfVector);
        var body = await ProviderModels.GetBytesAsync(http, call, max, cancel);
        try
        {
            return Read(body, call.Endpoint, request.Count, vector, tokens);
        }
        catch (JsonException exception)
        {
            throw ProviderModels.NotJson(exception);
        }
    }

    private static EmbeddingReply Read(ReadOnlyMemory<byte> body, ProviderEndpoint endpoint, int count, string vector, string? tokens)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 32 });
        List<float[]> vectors = [];
        List<float> numbers = [];
        int? used = null;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            if (reader.CurrentDepth == 1 && reader.ValueTextEquals("error"))
            {
                ProviderModels.ThrowIfError(body, endpoint);
            }

            if (tokens is not null && reader.ValueTextEquals(tokens))
            {
                reader.Read();
                used = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) && number > 0 ? number : used;
            }
            else if (reader.ValueTextEquals(vector))
            {
                ReadVectors(ref reader, vectors, numbers, count);
            }
        }

        return vectors.Count == count ? new EmbeddingReply(vectors, used) : throw NotOneEach();
    }

    /// <summary>Reads a list of numbers, or of such lists. Other values are skipped.</summary>
    private static void ReadVectors(ref Utf8JsonReader reader, List<float[]> vectors, List<float> numbers, int count)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return;
        }

        var depth = reader.CurrentDepth;
        var level = -1; // the depth of all numbers
        numbers.Clear();
        while (reader.Read() && reader.CurrentDepth >= depth)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number
                    when (level < 0 || level == reader.CurrentDepth) && reader.TryGetSingle(out var value) && float.IsFinite(value):
                    level = reader.CurrentDepth;
                    numbers.Add(value);
                    break;
                case JsonTokenType.StartArray or JsonTokenType.EndArray when numbers.Count == 0:
                    break;
                case JsonTokenType.EndArray when vectors.Count < count:
                    vectors.Add([.. numbers]);
                    numbers.Clear();
                    break;
                case JsonTokenType.EndArray:
                    throw NotOneEach();
                case JsonTokenType.StartObject when numbers.Count == 0:
                    return; // a list of objects, each with its own vector
                default:
                    throw new ProviderException(ProviderFailure.Protocol, "The provider's vector holds a value that is not a number.");
            }

            if (reader.TokenType == JsonTokenType.EndArray && reader.CurrentDepth == depth)
            {
                return;
            }
        }
    }

    private static ProviderException NotOneEach() =>
        new(ProviderFailure.Protocol, "The provider's reply does not hold a vector for each text.");
}
