using System.Runtime.InteropServices;
using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Writes the body of a client that speaks the provider's protocol. The values of its members are copied byte by byte, so nothing is lost
/// that is not known here.
/// </summary>
internal static class PassthroughBody
{
    /// <param name="request">A request with a <see cref="PassthroughRequest"/>.</param>
    /// <param name="own">Members that are written otherwise than they came.</param>
    public static ProviderBody Build(ChatRequest request, params ReadOnlySpan<(string Name, Action<Utf8JsonWriter> Write)> own)
    {
        var call = request.Passthrough!;
        using var body = new RequestBody(JsonMarshal.GetRawUtf8Value(call.Body).Length + RequestBody.ExtraCapacity);
        body.Json.WriteString("model", request.Model);
        foreach (var member in call.Body.EnumerateObject())
        {
            if (!member.NameEquals("model") && !call.Dropped.Contains(member.Name) && !Has(own, member.Name))
            {
                RequestBody.WriteRaw(body.Json, member);
            }
        }

        foreach (var (_, write) in own)
        {
            write(body.Json);
        }

        return body.Finish(default);
    }

    private static bool Has(ReadOnlySpan<(string Name, Action<Utf8JsonWriter> Write)> own, string name)
    {
        foreach (var member in own)
        {
            if (member.Name == name)
            {
                return true;
            }
        }

        return false;
    }
}
