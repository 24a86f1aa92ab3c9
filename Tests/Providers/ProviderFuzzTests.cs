namespace AiChat.Tests.Providers;

/// <summary>Broken replies: whatever arrives, the deltas end regularly or in one kind of exception.</summary>
public sealed class ProviderFuzzTests
{
    private const int Rounds = 60;

    public static TheoryData<string, string> Cases() => TranscriptTests.Cases();

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Damaged_reply_never_throws_anything_else(string vendor, string name)
    {
        var transcript = new Transcript(vendor, name);
        for (var seed = 0; seed < Rounds; seed++)
        {
            var random = new Random(seed);
            var damaged = Damage(transcript.Bytes, random);
            var whole = await transcript.ReplayAsync(() => int.MaxValue, damaged);
            Assert.Equal(whole, await transcript.ReplayAsync(() => random.Next(1, 60), damaged));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    [InlineData("null")]
    [InlineData("{\"error\":\"\\ud83c\"}")]
    [InlineData("{\"error\":{\"message\":\"\\ud83c\",\"code\":{}}}")]
    [InlineData("[[[[[[[[")]
    [InlineData("{\"choices\":{\"delta\":1},\"message\":[],\"candidates\":{\"content\":2},\"type\":{},\"done\":\"true\"}")]
    [InlineData("{\"choices\":[null,1,{\"delta\":[],\"finish_reason\":{}}],\"usage\":[1]}")]
    [InlineData("{\"type\":\"content_block_delta\",\"index\":\"x\",\"delta\":7}")]
    [InlineData("{\"type\":\"response.completed\",\"response\":5}")]
    [InlineData("{\"message\":{\"content\":{},\"tool_calls\":{\"a\":1}},\"done\":true}")]
    [InlineData("{\"candidates\":[{\"content\":{\"parts\":[3,null,{\"functionCall\":{\"name\":4}}]},\"finishReason\":9}]}")]
    public async Task Strange_frame_is_survived_by_every_parser(string frame)
    {
        foreach (var vendor in (string[])["openai", "openai_responses", "anthropic", "google_genai", "ollama"])
        {
            var transcript = new Transcript(vendor, "basic");
            foreach (var text in (string[])[frame, $"data: {frame}\n\n", $"data: {frame}\n\ndata: {frame}\n\ndata: [DONE]\n\n"])
            {
                await transcript.ReplayAsync(() => int.MaxValue, System.Text.Encoding.UTF8.GetBytes(text));
            }
        }
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        var damaged = new List<byte>(bytes);
        for (var wound = random.Next(1, 6); wound > 0 && damaged.Count > 0; wound--)
        {
            var at = random.Next(damaged.Count);
            var length = Math.Min(random.Next(1, 30), damaged.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged.RemoveRange(at, length);
                    break;
                case 2:
                    damaged.InsertRange(random.Next(damaged.Count), damaged.GetRange(at, length));
                    break;
                case 3:
                    damaged.Insert(at, "\r\n{}[]\":,"u8[random.Next(9)]);
                    break;
                default:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
            }
        }

        return [.. damaged];
    }
}
